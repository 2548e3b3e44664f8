"""The times of flow models are those of diffusers' scheduler, for every setting that it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu

from backend.contracts.errors import BadInput, ModelProblem
from backend.sampling.config import SchedulerConfig
from backend.sampling.flow_times import FlowConfig, times_of
from backend.sampling.schedule import continued, make
from backend.sampling.types import Schedule

SD3 = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
FLUX = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "shift": 3.0,
    "use_dynamic_shifting": True,
    "spacing": "trailing",
}
QWEN = FLUX | {"max_shift": 0.9, "max_image_seq_len": 8192, "shift_terminal": 0.02}
POSITIONS = 64 * 96


def theirs(config: dict[str, Any], steps: int, positions: int) -> list[float]:
    names = {"spacing", "_class_name"}
    given = {name: value for name, value in config.items() if name not in names}
    scheduler = FlowMatchEulerDiscreteScheduler(**given)
    options: dict[str, Any] = {"num_inference_steps": steps}
    if config.get("spacing") == "trailing":
        options["sigmas"] = np.linspace(1.0, 1 / steps, steps)
    if config.get("use_dynamic_shifting"):
        told = scheduler.config
        options["mu"] = calculate_shift(
            positions // 4,
            told["base_image_seq_len"],
            told["max_image_seq_len"],
            told["base_shift"],
            told["max_shift"],
        )
    scheduler.set_timesteps(**options)
    return scheduler.sigmas.tolist()


def times(schedule: Schedule) -> list[float]:
    return [sigma / (1 + sigma) for sigma in schedule.levels]


@pytest.mark.parity
@pytest.mark.parametrize("curve", ["", "karras", "exponential", "beta"])
@pytest.mark.parametrize("kind", ["exponential", "linear"])
@pytest.mark.parametrize("config", [SD3, FLUX, QWEN, SD3 | {"spacing": "trailing"}])
def test_they_are_diffusers_own(config: dict[str, Any], kind: str, curve: str) -> None:
    given = config | {"time_shift_type": kind}
    if curve:
        given[f"use_{curve}_sigmas"] = True
    for steps, positions in ((20, POSITIONS), (4, 1024), (7, 128 * 128)):
        made = make("euler", "model", steps, SchedulerConfig.from_dict(given), positions=positions)
        wanted = theirs(given, steps, positions)
        np.testing.assert_allclose(times(made), wanted, rtol=0, atol=3e-6)
        np.testing.assert_allclose(
            made.timesteps.numpy(), np.array(wanted[:-1]) * 1000, rtol=0, atol=3e-3
        )


@pytest.mark.parity
def test_a_schedule_that_is_chosen_takes_the_place_of_the_models_own() -> None:
    config = SchedulerConfig.from_dict(SD3)
    for curve in ("karras", "exponential"):
        made = make("euler", curve, 9, config)
        wanted = theirs(SD3 | {f"use_{curve}_sigmas": True}, 9, 0)
        np.testing.assert_allclose(times(made), wanted, atol=3e-6)
    trailing = make("euler", "trailing", 9, config)
    np.testing.assert_allclose(
        times(trailing), theirs(SD3 | {"spacing": "trailing"}, 9, 0), atol=1e-6
    )
    assert times(trailing) != times(make("euler", "model", 9, config))


def test_a_larger_picture_begins_with_more_noise() -> None:
    config = FlowConfig.model_validate(FLUX)
    small, large = (times_of(config, 8, side * side) for side in (32, 128))
    assert (large[1:] > small[1:]).all()
    assert small[0] == large[0] == 1.0
    assert config.mu(32 * 32) == pytest.approx(0.5)
    assert config.mu(128 * 128) == pytest.approx(1.15)


def test_a_single_step_runs_from_noise_to_the_picture() -> None:
    made = make("euler", "model", 1, SchedulerConfig.from_dict(QWEN), positions=1024)
    assert times(made)[-1] == 0
    assert times(made)[0] == pytest.approx(1.0, abs=1e-6)


def test_time_steps_of_ones_own_are_times_of_a_thousand() -> None:
    made = make("ddpm", "model", 3, SchedulerConfig.from_dict(SD3), own=(900, 500, 20))
    np.testing.assert_allclose(times(made), [0.9, 0.5, 0.02, 0.0], atol=1e-12)
    assert made.timesteps.tolist() == [900, 500, 20]


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m"])
def test_a_branch_goes_on_from_a_level_that_is_none_of_the_schedules(sampler: str) -> None:
    config = SchedulerConfig.from_dict(SD3)
    whole = make(sampler, "model", 8, config)
    sigma = (whole.levels[2] + whole.levels[3]) / 2
    rest = continued(sampler, whole, sigma, config)
    assert rest.levels == [sigma, *whole.levels[3:]]
    assert rest.timesteps[0].item() == pytest.approx(1000 * sigma / (1 + sigma))
    assert (rest.naming, rest.straight) == ("flow", True)


def test_what_has_no_levels_for_flow_models_is_said() -> None:
    config = SchedulerConfig.from_dict(SD3)
    with pytest.raises(BadInput, match="'pndm' does not draw with flow models"):
        make("pndm", "model", 8, config)
    with pytest.raises(BadInput, match="'ays' has no levels for flow models"):
        make("euler", "ays", 10, config)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shift", 0.0),
        ("shift_terminal", 1.0),
        ("time_shift_type", "cosine"),
        ("stochastic_sampling", True),
        ("invert_sigmas", True),
    ],
)
def test_a_value_that_cannot_be_followed_is_told_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ModelProblem, match=f"unusable value for {name}"):
        SchedulerConfig.from_dict(SD3 | {name: value})


@pytest.mark.parametrize("steps", [4, 20, 50])
@pytest.mark.parametrize("tokens", [16, 4096, 4301])
def test_a_measured_shift_follows_the_steps(steps: int, tokens: int) -> None:
    config = FlowConfig(use_dynamic_shifting=True, spacing="trailing", patch=1, measured=True)
    assert config.mu(tokens, steps) == pytest.approx(compute_empirical_mu(tokens, steps))
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    even = np.linspace(1.0, 1 / steps, steps)
    scheduler.set_timesteps(steps, sigmas=even, mu=compute_empirical_mu(tokens, steps))
    assert times_of(config, steps, tokens) == pytest.approx(scheduler.sigmas[:-1].numpy(), abs=1e-6)
