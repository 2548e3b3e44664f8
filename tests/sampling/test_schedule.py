"""Schedules against the diffusers classes that they reproduce."""

from __future__ import annotations

import json

import pytest
import torch
from diffusers.schedulers.scheduling_utils import AysSchedules

from backend.contracts.errors import BadInput, ModelProblem
from backend.sampling.config import SchedulerConfig
from backend.sampling.samplers import SPECS
from backend.sampling.schedule import make
from tests.samplers import SCHEDULES_OF
from tests.sampling.helpers import CLASSES, PAIRS, POCKET, reference, set_steps

# diffusers turns tensors into numpy arrays in a way that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Spacing left to the class, as Stable Diffusion 1.5 does, and each of the three.
SD15 = {k: v for k, v in POCKET.items() if k != "timestep_spacing"} | {"prediction_type": "epsilon"}
CONFIGS = {
    "pocket": POCKET,
    "silent": SD15,
    "linspace": SD15 | {"timestep_spacing": "linspace"},
    "trailing": SD15 | {"timestep_spacing": "trailing"},
    "sd14": SD15 | {"steps_offset": 0, "timestep_spacing": "leading"},
    "alpha_one": POCKET | {"set_alpha_to_one": True},
    "zero_snr": POCKET | {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
    "zero_snr_leading": POCKET | {"rescale_betas_zero_snr": True},
    "class_defaults": {"prediction_type": "epsilon"},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    "trained": {
        "trained_betas": [0.001 + 0.00002 * i for i in range(200)],
        "num_train_timesteps": 200,
        "original_inference_steps": 20,
    },
}
FEW = (1, 2, 3, 13, 20, 50)


def steps_of(sampler: str, schedule: str, name: str) -> tuple[int, ...]:
    if schedule == "ays":
        return () if name == "trained" else (10,)
    steps = (*range(1, 51), 77, 150) if name == "pocket" else FEW
    limit = 20 if name == "trained" else 50
    return tuple(n for n in steps if sampler != "lcm" or n <= limit)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(("sampler", "schedule"), PAIRS)
def test_levels_are_those_of_diffusers(sampler, schedule, name):
    values = CONFIGS[name]
    config = SchedulerConfig.from_dict(values)
    scheduler = reference(sampler, schedule, values)
    for steps in steps_of(sampler, schedule, name):
        set_steps(scheduler, schedule, steps)
        got = make(sampler, schedule, steps, config)
        timesteps = scheduler.timesteps.double()
        if sampler == "heun":  # each level but the first is listed twice
            timesteps = torch.cat([timesteps[:1], timesteps[1::2]])
        if sampler == "pndm":  # the second is listed twice
            timesteps = torch.cat([timesteps[:1], timesteps[2:]])
        torch.testing.assert_close(got.timesteps, timesteps, rtol=0, atol=2e-4)
        if SPECS[sampler].conventions.kind != "vp":
            sigmas = scheduler.sigmas.double()
            if sampler == "heun":
                sigmas = torch.cat([sigmas[:1], sigmas[1:-1:2], sigmas[-1:]])
        else:
            sigmas = vp_sigmas(scheduler, sampler, timesteps.long())
        torch.testing.assert_close(got.sigmas, sigmas, rtol=1e-6, atol=0)
        # Schedulers that do not scale the model's input hold x * sqrt(ab).
        unit = hasattr(scheduler, "init_noise_sigma") and scheduler.init_noise_sigma == 1.0
        scale = (got.sigmas[0] ** 2 + 1).sqrt() if unit else float(scheduler.init_noise_sigma)
        assert got.init_scale == pytest.approx(float(scale), rel=1e-6)


def vp_sigmas(scheduler, sampler: str, timesteps: torch.Tensor) -> torch.Tensor:
    """Levels of the classes that index alphas_cumprod; an exact 0 stands for 2^-48."""
    ab = scheduler.alphas_cumprod.clamp(min=2.0**-48)
    table = ((1 - ab) / ab).sqrt().double()
    end = torch.zeros(1, dtype=torch.float64)
    if sampler in ("ddim", "pndm"):
        last = int(timesteps[-1]) - scheduler.config.num_train_timesteps // len(timesteps)
        if last >= 0 or not scheduler.config.set_alpha_to_one:
            end = table[max(last, 0)].reshape(1)
    return torch.cat([table[timesteps], end])


@pytest.mark.parametrize("name", ["pocket", "linspace", "trailing", "alpha_one"])
@pytest.mark.parametrize("steps", FEW)
def test_ddim_steps_to_where_diffusers_steps(name, steps):
    config = SchedulerConfig.from_dict(CONFIGS[name])
    scheduler = set_steps(reference("ddim", "model", CONFIGS[name]), "model", steps)
    got = make("ddim", "model", steps, config)
    targets = got.sigmas[1:] if got.targets is None else got.targets
    for timestep, target in zip(scheduler.timesteps, targets, strict=True):
        previous = int(timestep) - 1000 // steps
        ab = scheduler.alphas_cumprod[previous] if previous >= 0 else scheduler.final_alpha_cumprod
        assert float(target) == pytest.approx(float(((1 - ab) / ab) ** 0.5), rel=1e-6)
    assert (got.targets is None) == (
        name in ("pocket", "alpha_one") or (name == "trailing" and 1000 % steps == 0) or steps == 1
    )
    assert got.final_scale == pytest.approx(float((1 + got.sigmas[-1] ** 2) ** -0.5))


def test_the_known_timesteps_of_twenty_leading_steps():
    config = SchedulerConfig.from_dict(POCKET)
    for sampler in ("ddim", "euler", "heun", "lms"):
        timesteps = make(sampler, "model", 20, config).timesteps
        assert (timesteps[0], timesteps[-1]) == (951, 1)
    for sampler in ("dpmpp_2m", "unipc"):
        timesteps = make(sampler, "model", 20, config).timesteps
        assert (timesteps[0], timesteps[-1]) == (941, 48)


def test_karras_timesteps_are_fractional_for_euler_and_whole_for_the_solvers():
    config = SchedulerConfig.from_dict(POCKET)
    euler = make("euler", "karras", 20, config)
    solver = make("dpmpp_2m", "karras", 20, config)
    assert (euler.timesteps % 1 != 0).any()
    assert (solver.timesteps % 1 == 0).all()
    assert euler.sigmas[0] < solver.sigmas[0]


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "unipc"])
def test_sigma_min_ends_above_zero(sampler):
    values = POCKET | {"final_sigmas_type": "sigma_min"}
    got = make(sampler, "model", 12, SchedulerConfig.from_dict(values))
    scheduler = set_steps(reference(sampler, "model", values), "model", 12)
    assert float(got.sigmas[-1]) == pytest.approx(float(scheduler.sigmas[-1]), rel=1e-6)
    scaled = sampler != "euler"
    assert (got.final_scale < 1) == scaled


@pytest.mark.parametrize("curve", ["karras", "exponential"])
def test_the_config_may_ask_for_a_curve_and_its_range(curve):
    values = POCKET | {f"use_{curve}_sigmas": True, "sigma_min": 0.1, "sigma_max": 9.0}
    config = SchedulerConfig.from_dict(values)
    got = make("euler", "model", 11, config)
    scheduler = CLASSES["euler"].from_config(values)
    scheduler.set_timesteps(11)
    torch.testing.assert_close(got.sigmas, scheduler.sigmas.double(), rtol=1e-6, atol=0)
    assert float(got.sigmas[0]) == pytest.approx(9.0)
    # A schedule chosen by name replaces the config's curve.
    assert float(make("euler", "trailing", 11, config).sigmas[0]) > 14


def test_align_your_steps():
    config = SchedulerConfig.from_dict(POCKET)
    for family, name in (("sd", "StableDiffusion"), ("sdxl", "StableDiffusionXL")):
        ten = make("dpmpp_2m", "ays", 10, config, family)
        assert ten.timesteps.tolist() == AysSchedules[f"{name}Timesteps"]
        twenty = make("dpmpp_2m", "ays", 20, config, family)
        assert (twenty.timesteps[0], twenty.timesteps[-1]) == (ten.timesteps[0], ten.timesteps[-1])
        assert (twenty.timesteps.diff() < 0).all()


@pytest.mark.parametrize(("sampler", "names"), SCHEDULES_OF.items())
def test_refused_pairs_are_told_in_a_sentence(sampler, names):
    config = SchedulerConfig.from_dict(POCKET)
    for schedule in {"model", "karras", "exponential", "trailing", "ays"} - set(names):
        with pytest.raises(BadInput, match=f"'{sampler}' has no schedule '{schedule}'") as caught:
            make(sampler, schedule, 20, config)
        assert caught.value.field == "schedule"


@pytest.mark.parametrize(("sampler", "steps"), [("ddim", 0), ("euler", 1001), ("lcm", 51)])
def test_refused_numbers_of_steps(sampler, steps):
    with pytest.raises(BadInput, match="steps") as caught:
        make(sampler, "model", steps, SchedulerConfig.from_dict(POCKET))
    assert caught.value.field == "steps"


def test_timesteps_past_the_table_are_refused():
    with pytest.raises(BadInput, match="reach past"):
        make("ddim", "model", 1000, SchedulerConfig.from_dict(POCKET))


def test_repeated_levels_are_refused():
    values = POCKET | {"final_sigmas_type": "sigma_min"}
    with pytest.raises(BadInput, match="repeats a noise level"):
        make("unipc", "karras", 10, SchedulerConfig.from_dict(values))


def test_config_reads_what_diffusers_writes(tmp_path):
    for cls in set(CLASSES.values()):
        cls.from_config(POCKET).save_pretrained(tmp_path)
        config = SchedulerConfig.from_dict(
            json.loads((tmp_path / "scheduler_config.json").read_text())
        )
        assert (config.prediction_type, config.beta_start) == ("v_prediction", 0.00085)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_beta_sigmas", True),
        ("beta_schedule", "sigmoid"),
        ("beta_start", "much"),
        ("prediction_type", "flow_prediction"),
        ("interpolation_type", "log_linear"),
    ],
)
def test_config_refuses_what_it_cannot_follow(field, value):
    with pytest.raises(ModelProblem, match=field):
        SchedulerConfig.from_dict(POCKET | {field: value})
