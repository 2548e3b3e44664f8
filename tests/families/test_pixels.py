"""Models of pixels against diffusers' own pipelines, and what their folders are refused for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMPipeline, DDPMPipeline, DDPMScheduler
from numpy.typing import NDArray

from backend.contracts.errors import ModelProblem
from backend.families.pixels import PIXELS
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from tests.staged import close, drawn, loaded, staged
from tests.tiny import tiny_checkpoint
from tests.tiny_pixels import edited, tiny_ddpm

COSINE = {"beta_schedule": "squaredcos_cap_v2"}
SCHEDULERS: list[dict[str, Any]] = [
    {},
    COSINE,
    {"prediction_type": "v_prediction"},
    {"prediction_type": "sample", "beta_schedule": "squaredcos_cap_v2"},
    {"clip_sample": False, "prediction_type": "v_prediction"},
    {"thresholding": True, "dynamic_thresholding_ratio": 0.9, "sample_max_value": 1.5},
    {"timestep_spacing": "trailing"},
]


def generators(batch: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(5 + i) for i in range(batch)]


def theirs(pipe: DDPMPipeline | DDIMPipeline, batch: int, **options: Any) -> NDArray[np.float64]:
    pipe.set_progress_bar_config(disable=True)
    made = pipe(batch_size=batch, generator=generators(batch), output_type="np", **options)
    return np.asarray(made.images)


@pytest.mark.parity
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_ddpm_draws_what_the_pipeline_draws(
    tmp_path: Path, scheduler: dict[str, Any], batch: int
) -> None:
    folder = tiny_ddpm(tmp_path / "checkpoints" / "tiny", scheduler=scheduler)
    model = loaded(tmp_path, "tiny")
    reference = theirs(DDPMPipeline.from_pretrained(folder), batch, num_inference_steps=20)
    ours = drawn(staged(model, sampler="ddpm", steps=20, batch_size=batch))
    assert close(ours, reference) >= 0.999
    other = drawn(staged(model, sampler="ddpm", steps=19, batch_size=batch))
    assert close(other, reference) < 0.9


@pytest.mark.parity
@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_ddim_draws_what_the_pipeline_draws(
    tmp_path: Path, scheduler: dict[str, Any], eta: float
) -> None:
    folder = tiny_ddpm(tmp_path / "checkpoints" / "tiny", ddim=True, scheduler=scheduler)
    model = loaded(tmp_path, "tiny")
    pipe = DDIMPipeline.from_pretrained(folder)
    reference = theirs(pipe, 3, num_inference_steps=20, eta=eta)
    assert close(drawn(staged(model, steps=20, batch_size=3, eta=eta)), reference) >= 0.999


@pytest.mark.parity
def test_a_hundred_steps_of_both(tmp_path: Path) -> None:
    """Of v: under DDIM a random network of eps makes a start that is 1e-6 off another picture."""
    config = {"prediction_type": "v_prediction"}
    folder = tiny_ddpm(tmp_path / "checkpoints" / "tiny", flat=True, scheduler=config)
    model = loaded(tmp_path, "tiny")
    ancestral = theirs(DDPMPipeline.from_pretrained(folder), 1, num_inference_steps=100)
    assert close(drawn(staged(model, sampler="ddpm", steps=100)), ancestral) >= 0.999
    pipe = DDIMPipeline.from_pretrained(folder)
    assert close(drawn(staged(model, steps=100)), theirs(pipe, 1, num_inference_steps=100)) >= 0.999


@pytest.mark.parity
@pytest.mark.parametrize("variance", ["fixed_small_log", "fixed_large", "learned_range"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@torch.no_grad()
def test_each_variance_is_the_schedulers(tmp_path: Path, variance: str, spacing: str) -> None:
    """`DDPMPipeline` passes both halves to the scheduler, which splits them."""
    config = {"variance_type": variance, "timestep_spacing": spacing, **COSINE}
    out = 6 if variance == "learned_range" else 3
    folder = tiny_ddpm(tmp_path / "checkpoints" / "tiny", scheduler=config, out=out)
    model = loaded(tmp_path, "tiny")
    reference = theirs(DDPMPipeline.from_pretrained(folder), 3, num_inference_steps=20)
    ours = drawn(staged(model, sampler="ddpm", steps=20, batch_size=3))
    assert close(ours, reference) >= 0.999
    edited(folder / "scheduler" / "scheduler_config.json", variance_type="fixed_small")
    small = drawn(staged(loaded(tmp_path, "tiny"), sampler="ddpm", steps=20, batch_size=3))
    if variance != "fixed_small_log":
        assert close(small, reference) < 0.9


@pytest.mark.parity
@torch.no_grad()
def test_a_class_is_told(tmp_path: Path) -> None:
    """`DDPMPipeline` passes no class, so the loop stands here."""
    tiny_ddpm(tmp_path / "checkpoints" / "tiny", classes=4)
    model = loaded(tmp_path, "tiny")
    assert model.info.anatomy.can.classes == 4
    scheduler: Any = DDPMScheduler.from_config(model.scheduler_config)
    scheduler.set_timesteps(12)
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(1, 3, 16, 16, generator=generator)
    for t in scheduler.timesteps:
        output = model.network.model(x, t, class_labels=torch.tensor([2])).sample
        x = scheduler.step(output, t, x, generator=generator).prev_sample
    reference = (x / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    stage = staged(model, sampler="ddpm", steps=12)
    assert close(drawn(stage, torch.tensor([2])), reference) >= 0.999
    assert close(drawn(stage, torch.tensor([1])), reference) < 0.9
    assert np.array_equal(drawn(stage), drawn(stage, torch.tensor([0])))


def test_one_channel_draws_greys(tmp_path: Path) -> None:
    folder = tiny_ddpm(tmp_path / "checkpoints" / "digits", channels=1)
    model = loaded(tmp_path, "digits")
    ours = drawn(staged(model, sampler="ddpm", steps=10))
    assert ours.shape == (1, 16, 16, 3)
    reference = theirs(DDPMPipeline.from_pretrained(folder), 1, num_inference_steps=10)
    assert close(ours, np.repeat(reference, 3, axis=3)) >= 0.999


def test_what_it_is(tmp_path: Path) -> None:
    tiny_ddpm(tmp_path / "checkpoints" / "flat", flat=True)
    folder = tiny_ddpm(tmp_path / "checkpoints" / "bare", flat=True)
    (folder / "model_index.json").unlink()
    for name in ("flat", "bare"):
        info = Catalog([tmp_path], FAMILIES).checkpoint(name)
        assert (info.recognised_by, info.native_size) == ("pixels", (16, 16))
        assert (info.guidance_scale, info.anatomy.factor) == (1.0, 1)
        assert not info.anatomy.can.prompt
        assert info.anatomy.sizes.step_px == 2
    tiny_checkpoint(tmp_path / "sd")
    assert PIXELS.recognise(tmp_path / "sd", Card()) is None


@pytest.mark.parametrize(
    ("unet", "scheduler", "sentence"),
    [
        ({"in_channels": 4, "out_channels": 4}, {}, "works on 4 channels"),
        ({"out_channels": 5}, {}, "makes 5 channels of 3"),
        ({}, {"variance_type": "learned_range"}, "the UNet tells none"),
        ({"_class_name": "UNet1DModel"}, {}, "a class that cannot be used"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    tmp_path: Path, unet: dict[str, Any], scheduler: dict[str, Any], sentence: str
) -> None:
    folder = tiny_ddpm(tmp_path / "tiny")
    edited(folder / "unet" / "config.json", **unet)
    edited(folder / "scheduler" / "scheduler_config.json", **scheduler)
    with pytest.raises(ModelProblem, match=sentence):
        PIXELS.recognise(folder, Card())


def test_a_folder_without_scheduler_and_one_of_pickles_are_refused(tmp_path: Path) -> None:
    folder = tiny_ddpm(tmp_path / "tiny")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelProblem, match=r"unet holds pickled weights only.*convert .*\.bin"):
        PIXELS.recognise(folder, Card())
    (folder / "scheduler" / "scheduler_config.json").unlink()
    with pytest.raises(ModelProblem, match="is missing"):
        PIXELS.recognise(folder, Card())
