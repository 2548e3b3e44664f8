"""Latent diffusion without a prompt against diffusers' own pipelines."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LDMPipeline, LDMSuperResolutionPipeline

from backend.contracts.capabilities import Enlarging
from backend.contracts.errors import ModelProblem
from backend.families.latent import LATENT
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from tests.staged import close, drawn, enlarged, loaded, staged
from tests.tiny_pixels import edited, tiny_ldm

SMALL = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)
STEPS = 100


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_ldm(root / "checkpoints" / "vq")
    tiny_ldm(root / "checkpoints" / "kl", first="kl")
    tiny_ldm(root / "checkpoints" / "classes", classes=10)
    tiny_ldm(root / "checkpoints" / "larger", larger=True)
    return root


def generators(batch: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(5 + i) for i in range(batch)]


@pytest.mark.parity
@pytest.mark.parametrize(("name", "eta", "batch"), [("vq", 0.0, 1), ("vq", 1.0, 3), ("kl", 0.0, 3)])
def test_it_draws_what_the_pipeline_draws(root: Path, name: str, eta: float, batch: int) -> None:
    pipe: Any = LDMPipeline.from_pretrained(root / "checkpoints" / name)
    pipe.set_progress_bar_config(disable=True)
    generator = generators(batch)
    theirs = pipe(
        batch_size=batch, generator=generator, eta=0.0, num_inference_steps=STEPS, output_type="np"
    ).images
    if eta:  # the pipeline draws such noise unseeded
        theirs = _with_eta(pipe, batch, eta)
    stage = staged(loaded(root, name), steps=STEPS, batch_size=batch, eta=eta)
    ours = drawn(stage)
    assert close(ours, theirs) >= 0.999
    assert close(255 - ours, theirs) < 0.9


def _with_eta(pipe: Any, batch: int, eta: float) -> Any:
    """The pipeline's loop with its noise from the generators."""
    scheduler: Any = pipe.scheduler
    scheduler.set_timesteps(STEPS)
    rows: list[Any] = []
    for generator in generators(batch):
        x = torch.randn(1, 3, 8, 8, generator=generator)
        for t in scheduler.timesteps:
            with torch.no_grad():
                eps = pipe.unet(x, t).sample
            step: Any = scheduler.step(eps, t, x, eta=eta, generator=generator)
            x = step.prev_sample
        with torch.no_grad():
            rows.append(pipe.vqvae.decode(x / pipe.vqvae.config.scaling_factor).sample)
    return (torch.cat(rows) / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()


@pytest.mark.parity
def test_a_class_is_told(root: Path) -> None:
    pipe: Any = LDMPipeline.from_pretrained(root / "checkpoints" / "classes")
    pipe.scheduler.set_timesteps(STEPS)
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        for t in pipe.scheduler.timesteps:
            eps = pipe.unet(x, t, class_labels=torch.tensor([7])).sample
            x = pipe.scheduler.step(eps, t, x).prev_sample
        theirs = pipe.vqvae.decode(x / pipe.vqvae.config.scaling_factor).sample
    theirs = (theirs / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    model = loaded(root, "classes")
    assert close(drawn(staged(model, steps=STEPS, class_label=7)), theirs) >= 0.999
    assert close(drawn(staged(model, steps=STEPS, class_label=3)), theirs) < 0.99


@pytest.mark.parity
@pytest.mark.parametrize("batch", [1, 3])
def test_it_enlarges_as_the_pipeline_does(root: Path, batch: int) -> None:
    pipe: Any = LDMSuperResolutionPipeline.from_pretrained(root / "checkpoints" / "larger")
    pipe.set_progress_bar_config(disable=True)
    image = torch.tensor(SMALL).permute(2, 0, 1)[None].float() / 127.5 - 1
    theirs = pipe(
        image=image.expand(batch, -1, -1, -1),
        generator=generators(batch),
        num_inference_steps=STEPS,
        output_type="np",
    ).images
    stage = staged(loaded(root, "larger"), steps=STEPS, batch_size=batch, width=96, height=64)
    assert close(enlarged(stage, SMALL), theirs) >= 0.999
    assert close(enlarged(stage, 255 - SMALL), theirs) < 0.99


def test_what_they_are(root: Path) -> None:
    catalog = Catalog([root], FAMILIES)
    plain, larger = catalog.checkpoint("classes"), catalog.checkpoint("larger")
    can = plain.anatomy.can
    assert (can.classes, can.prompt, can.steps, can.sampler) == (10, False, 50, "ddim")
    assert (plain.native_size, plain.anatomy.factor, plain.guidance_scale) == ((32, 32), 4, 1.0)
    assert larger.anatomy.can.enlarges == Enlarging(4, 0, 0)
    assert (larger.anatomy.can.steps, larger.family_title) == (100, "LDM super resolution")
    assert larger.anatomy.sizes.step_px == 8


@pytest.mark.parametrize("lost", ["unet", "vqvae", "scheduler"])
def test_a_folder_that_lacks_a_part_is_refused(root: Path, tmp_path: Path, lost: str) -> None:
    folder = tmp_path / "vq"
    shutil.copytree(root / "checkpoints" / "vq", folder)
    shutil.rmtree(folder / lost)
    with pytest.raises(ModelProblem, match=f"{lost}/.*is missing"):
        LATENT.recognise(folder, Card())


def test_parts_that_do_not_belong_together_are_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "larger"
    shutil.copytree(root / "checkpoints" / "larger", folder)
    edited(folder / "vqvae" / "config.json", latent_channels=4)
    with pytest.raises(ModelProblem, match="latents and a picture have 7"):
        LATENT.recognise(folder, Card())
