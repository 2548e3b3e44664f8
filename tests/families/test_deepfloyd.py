"""DeepFloyd IF against diffusers' own pipelines, and what its folders are refused for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import IFPipeline, IFSuperResolutionPipeline
from PIL import Image

from backend.contracts.capabilities import Enlarging
from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.settings import time_steps
from backend.families.deepfloyd import DEEPFLOYD
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from tests.staged import close, drawn, enlarged, loaded, staged
from tests.tiny_pixels import edited, tiny_if, tiny_if_convolutions, tiny_if_larger

PROMPT, NEGATIVE = "A red house under a blue sky", "a fish"
SMALL = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
RUN: dict[str, Any] = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "sampler": "ddpm"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_if(root / "checkpoints" / "if" / "one")
    tiny_if_larger(root / "checkpoints" / "if" / "two")
    tiny_if_larger(root / "checkpoints" / "alone", alone=True)
    return root


@pytest.fixture(scope="module")
def first(root: Path) -> Checkpoint:
    return loaded(root, "one")


@pytest.fixture(scope="module")
def later(root: Path) -> Checkpoint:
    return loaded(root, "alone")


def generators(batch: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(5 + i) for i in range(batch)]


def theirs(pipe: Any, batch: int, **values: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe(
        prompt=[PROMPT] * batch,
        negative_prompt=[NEGATIVE] * batch,
        generator=generators(batch),
        clean_caption=False,
        output_type="np",
        **values,
    ).images


@pytest.mark.parity
@pytest.mark.parametrize("guidance", [1.0, 4.0, 9.0])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_first_stage_draws_what_the_pipeline_draws(
    root: Path, first: Checkpoint, guidance: float, batch: int
) -> None:
    pipe = IFPipeline.from_pretrained(root / "checkpoints" / "if" / "one")
    wanted = theirs(pipe, batch, guidance_scale=guidance, num_inference_steps=12)
    values = RUN | {"guidance_scale": guidance, "batch_size": batch, "steps": 12}
    assert close(drawn(staged(first, **values)), wanted) >= 0.999
    assert close(drawn(staged(first, **values | {"prompt": "a fish"})), wanted) < 0.99


@pytest.mark.parity
@pytest.mark.parametrize("guidance", [1.0, 4.0, 9.0])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_second_stage_draws_what_the_pipeline_draws(
    root: Path, later: Checkpoint, guidance: float, batch: int
) -> None:
    pipe = IFSuperResolutionPipeline.from_pretrained(root / "checkpoints" / "alone")
    wanted = theirs(
        pipe,
        batch,
        image=[Image.fromarray(SMALL)] * batch,
        height=64,
        width=64,
        guidance_scale=guidance,
        num_inference_steps=10,
        noise_level=200,
    )
    size = {"width": 64, "height": 64}
    values = RUN | size | {"guidance_scale": guidance, "batch_size": batch, "steps": 10}
    stage = staged(later, **values)
    assert close(enlarged(stage, SMALL, 200), wanted) >= 0.999
    assert close(enlarged(stage, SMALL, 20), wanted) < 0.99


@pytest.mark.parity
@pytest.mark.parametrize("listed", ["fast27", "990, 700, 650, 300, 20"])
def test_time_steps_may_be_listed(root: Path, first: Checkpoint, listed: str) -> None:
    steps = list(time_steps.listed(listed))
    pipe = IFPipeline.from_pretrained(root / "checkpoints" / "if" / "one")
    wanted = theirs(pipe, 1, guidance_scale=7.0, timesteps=steps)
    values = RUN | {"guidance_scale": 7.0, "steps": len(steps), "time_steps": listed}
    assert close(drawn(staged(first, **values)), wanted) >= 0.999
    with pytest.raises(BadInput, match="take 'ddpm' for a list"):
        staged(first, **values | {"sampler": "ddim"})
    with pytest.raises(BadInput, match="1000 is none"):
        staged(first, **values | {"time_steps": "1000, 0", "steps": 2})


@pytest.mark.parity
def test_a_variance_that_the_scheduler_does_not_read_is_dropped(tmp_path: Path) -> None:
    tiny_if(tmp_path / "checkpoints" / "small", variance_type="fixed_small")
    pipe = IFPipeline.from_pretrained(tmp_path / "checkpoints" / "small")
    wanted = theirs(pipe, 1, guidance_scale=4.0, num_inference_steps=8)
    model = loaded(tmp_path, "small")
    stage = staged(model, **RUN, guidance_scale=4.0, steps=8)
    assert close(drawn(stage), wanted) >= 0.999


def test_what_they_are(root: Path) -> None:
    catalog = Catalog([root], FAMILIES)
    one, two, alone = (catalog.checkpoint(name) for name in ("one", "two", "alone"))
    assert (one.family_title, one.guidance_scale, one.native_size) == ("IF, stage I", 7.0, (16, 16))
    can = one.anatomy.can
    assert (can.steps, can.sampler, can.from_noise, can.enlarges) == (100, "ddpm", True, None)
    assert (two.family_title, two.guidance_scale, two.reader) == ("IF, stage II", 4.0, "one")
    assert two.anatomy.can.enlarges == Enlarging(2, 250, 999)  # from 16 px beside it to 32
    assert alone.anatomy.can.enlarges == Enlarging(4, 250, 999)
    assert (alone.reader, two.anatomy.can.steps) == ("", 50)


def test_a_stage_without_an_encoder_says_who_is_missing(root: Path) -> None:
    with pytest.raises(BadInput, match="has no text encoder"):
        loaded(root, "two").text.encode(["a house"])


@pytest.mark.parametrize(
    ("folder", "lost", "sentence"),
    [
        ("one", "scheduler", "scheduler/scheduler_config.json is missing"),
        ("one", "unet", "unet/config.json is missing"),
        ("two", "image_noising_scheduler", "image_noising_scheduler/scheduler_config.json"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused(
    root: Path, tmp_path: Path, folder: str, lost: str, sentence: str
) -> None:
    shutil.copytree(root / "checkpoints" / "if", tmp_path / "if")
    shutil.rmtree(tmp_path / "if" / folder / lost)
    with pytest.raises(ModelProblem, match=sentence):
        DEEPFLOYD.recognise(tmp_path / "if" / folder, Card())


def test_a_second_stage_with_nobody_to_read_is_refused(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "checkpoints" / "if" / "two", tmp_path / "two")
    with pytest.raises(ModelProblem, match=r"put its first stage \(IFPipeline\) into a folder"):
        DEEPFLOYD.recognise(tmp_path / "two", Card())


def test_stages_of_other_widths_do_not_belong_together(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "checkpoints" / "if", tmp_path / "if")
    edited(tmp_path / "if" / "one" / "unet" / "config.json", encoder_hid_dim=64)
    with pytest.raises(ModelProblem, match="do not belong together"):
        DEEPFLOYD.recognise(tmp_path / "if" / "two", Card())


def test_a_unet_of_other_channels_is_refused(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "checkpoints" / "if", tmp_path / "if")
    edited(tmp_path / "if" / "one" / "unet" / "config.json", in_channels=4)
    with pytest.raises(ModelProblem, match="takes 4 channels"):
        DEEPFLOYD.recognise(tmp_path / "if" / "one", Card())
    edited(tmp_path / "if" / "one" / "unet" / "config.json", in_channels=3, out_channels=3)
    with pytest.raises(ModelProblem, match="asks for a learned variance"):
        DEEPFLOYD.recognise(tmp_path / "if" / "one", Card())


@pytest.mark.parity
@pytest.mark.parametrize("batch", [1, 3])
def test_a_second_stage_without_attention_draws_what_the_pipeline_draws(
    tmp_path: Path, batch: int
) -> None:
    folder = tiny_if_convolutions(tmp_path / "checkpoints" / "plain")
    model = loaded(tmp_path, "plain")
    assert (model.info.reader, model.info.guidance_scale) == ("", 1.0)
    can = model.info.anatomy.can
    assert (can.prompt, can.negative_prompt, can.guidance) == (False, False, "none")
    pipe: Any = IFSuperResolutionPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    wanted = pipe(
        prompt_embeds=torch.zeros(batch, 1, 1),
        image=[Image.fromarray(SMALL)] * batch,
        height=64,
        width=64,
        guidance_scale=1.0,
        num_inference_steps=10,
        noise_level=200,
        generator=generators(batch),
        output_type="np",
    ).images
    size = {"width": 64, "height": 64, "batch_size": batch}
    stage = staged(model, sampler="ddpm", steps=10, **size)
    assert close(enlarged(stage, SMALL, 200), wanted) >= 0.999
    assert close(enlarged(stage, SMALL, 20), wanted) < 0.99


@pytest.mark.parity
def test_clip_may_read_for_the_first_stage(tmp_path: Path) -> None:
    folder = tiny_if(tmp_path / "checkpoints" / "one", clip=True)
    wanted = theirs(
        IFPipeline.from_pretrained(folder), 2, guidance_scale=4.0, num_inference_steps=8
    )
    model = loaded(tmp_path, "one")
    values = RUN | {"guidance_scale": 4.0, "batch_size": 2, "steps": 8}
    assert close(drawn(staged(model, **values)), wanted) >= 0.999
    assert close(drawn(staged(model, **values | {"prompt": "a fish"})), wanted) < 0.99
