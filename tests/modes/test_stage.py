"""The levels of a stage are those that its settings ask of its model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.checkpoint import Checkpoint
from backend.modes.stage import make_schedule, stage_of
from backend.sampling.schedule import make
from tests.modes.test_guide import model, staged

__all__ = ["model"]  # the fixture


def test_the_schedule_follows_settings_and_checkpoint(model: Checkpoint) -> None:
    stage, _ = staged(model, sampler="euler", schedule="karras", steps=9)
    expected = make("euler", "karras", 9, stage.config)
    assert torch.equal(stage.schedule.sigmas, expected.sigmas)
    assert torch.equal(stage.schedule.timesteps, expected.timesteps)


def test_the_family_of_the_model_reaches_the_schedule(model: Checkpoint) -> None:
    stage, _ = staged(model, sampler="euler", schedule="ays", steps=10)
    assert stage.schedule.timesteps[1] == 850
    large = replace(model, info=replace(model.info, family="sdxl"))
    assert make_schedule(stage.settings, large).timesteps[1] == 845


def test_more_steps_than_the_model_has_are_refused(model: Checkpoint) -> None:
    few = replace(model, scheduler_config=dict(model.scheduler_config, num_train_timesteps=5))
    stage, around = staged(model, steps=8)
    with pytest.raises(BadInput, match="between 1 and 5"):
        stage_of(stage.settings, few, around)  # type: ignore[arg-type]
