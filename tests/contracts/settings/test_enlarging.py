"""The stage that a diffusion upscaler draws, as settings."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from backend.contracts.settings import EnlargingStage, UpscaleSettings, parse


def test_it_is_the_upscalers_own_run() -> None:
    values = {
        "upscaler": "x4",
        "model": "sea",
        "noise_level": 30,
        "upscaler_steps": 9,
        "upscaler_guidance": 4.0,
        "steps": 50,
        "guidance_scale": 2.0,
        "prompt": "a boat",
        "seed": 3,
    }
    settings = parse("upscale", values)
    assert isinstance(settings, UpscaleSettings)
    stage = settings.enlarging_stage(96, 64, "ddim")
    assert (stage.model, stage.steps, stage.guidance_scale) == ("x4", 9, 4.0)
    assert (stage.sampler, stage.schedule) == ("ddim", "model")
    assert (stage.prompt, stage.seed, stage.drawn_size) == ("a boat", 3, (96, 64))
    assert stage.noise_level == 30


def test_its_noise_is_a_training_timestep() -> None:
    with pytest.raises(ValidationError):
        EnlargingStage.model_validate({"noise_level": 1000})
