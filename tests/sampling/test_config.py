"""What is read of a scheduler's config, what is passed over, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import ModelProblem
from backend.sampling.bounds import Bounds
from backend.sampling.config import SchedulerConfig


def test_silence_leaves_the_choice_to_the_class() -> None:
    config = SchedulerConfig.from_dict({})
    assert (config.beta_start, config.beta_schedule, config.timestep_spacing) == (None,) * 3
    assert (config.num_train_timesteps, config.prediction_type) == (1000, "epsilon")
    assert SchedulerConfig.from_dict({"beta_start": None, "steps_offset": None}) == config


def test_fields_of_no_effect_are_passed_over() -> None:
    given = {"_class_name": "DDIMScheduler", "solver_order": 2, "steps_offset": 1}
    assert SchedulerConfig.from_dict(given) == SchedulerConfig(steps_offset=1)


@pytest.mark.parametrize(
    ("name", "supported", "other"),
    [
        ("interpolation_type", "linear", "log_linear"),
        ("timestep_type", "discrete", "continuous"),
        ("timestep_scaling", 10.0, 1.0),
        ("use_beta_sigmas", False, True),
        ("use_flow_sigmas", False, True),
        ("lambda_min_clipped", float("-inf"), -5.1),
    ],
)
def test_a_method_that_no_sampler_follows_is_refused_by_name(
    name: str, supported: Any, other: Any
) -> None:
    assert SchedulerConfig.from_dict({name: supported}) == SchedulerConfig()
    with pytest.raises(ModelProblem, match=f"asks for {name} = .* is not supported"):
        SchedulerConfig.from_dict({name: other})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_train_timesteps", 1),
        ("beta_start", float("nan")),
        ("beta_end", 1.0),
        ("beta_schedule", "sigmoid"),
        ("prediction_type", "flow_prediction"),
        ("timestep_spacing", "random"),
        ("steps_offset", -1),
        ("sigma_min", 0.0),
        ("trained_betas", ["x"]),
    ],
)
def test_a_damaged_value_is_told_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ModelProblem, match=rf"unusable value for {name}"):
        SchedulerConfig.from_dict({name: value})


@pytest.mark.parametrize(
    ("given", "bounds"),
    [
        ({}, Bounds(1.0)),
        ({"clip_sample_range": 2.5}, Bounds(2.5)),
        ({"clip_sample": False}, None),
        ({"thresholding": True, "sample_max_value": 1.5}, Bounds(1.5, 0.995)),
        ({"clip_sample": False, "thresholding": True}, Bounds(1.0, 0.995)),
    ],
)
def test_where_x0_is_kept(given: dict[str, Any], bounds: Bounds | None) -> None:
    assert SchedulerConfig.from_dict(given).bounds == bounds


def test_it_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        SchedulerConfig().steps_offset = 3  # type: ignore[misc]
