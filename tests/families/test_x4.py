"""The x4 upscaler against diffusers' own pipeline, and what its folder is refused for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionUpscalePipeline
from PIL import Image

from backend.contracts.capabilities import Enlarging
from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.families.x4 import X4
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from tests.staged import close, enlarged, loaded, staged
from tests.tiny_pixels import tiny_x4

PROMPT, NEGATIVE = "a red house under a blue sky", "a fish"
SMALL = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)
SIZE = {"width": 96, "height": 64}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_x4(root / "checkpoints" / "x4")
    return root


@pytest.fixture(scope="module")
def model(root: Path) -> Checkpoint:
    return loaded(root, "x4")


@pytest.mark.parity
@pytest.mark.parametrize("guidance", [1.0, 4.0, 9.0])
@pytest.mark.parametrize("batch", [1, 3])
def test_it_draws_what_the_pipeline_draws(
    root: Path, model: Checkpoint, guidance: float, batch: int
) -> None:
    pipe = StableDiffusionUpscalePipeline.from_pretrained(root / "checkpoints" / "x4")
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe(
        [PROMPT] * batch,
        image=[Image.fromarray(SMALL)] * batch,
        negative_prompt=[NEGATIVE] * batch,
        guidance_scale=guidance,
        num_inference_steps=6,
        noise_level=40,
        generator=[torch.Generator().manual_seed(5 + i) for i in range(batch)],
        output_type="np",
    ).images
    values = {"prompt": PROMPT, "negative_prompt": NEGATIVE, **SIZE}
    stage = staged(model, guidance_scale=guidance, batch_size=batch, **values)
    assert close(enlarged(stage, SMALL, 40), theirs) >= 0.999
    assert close(enlarged(stage, SMALL, 300), theirs) < 0.99
    assert close(enlarged(stage, 255 - SMALL, 40), theirs) < 0.99


def test_what_it_is(root: Path) -> None:
    info = Catalog([root], FAMILIES).checkpoint("x4")
    assert info.anatomy.can.enlarges == Enlarging(4, 20, 350)
    assert (info.anatomy.factor, info.guidance_scale) == (4, 9.0)
    assert info.family_title == "SD x4 upscaler"
    assert X4.tokenizer(info).positions == 77
    assert X4.scheduler_config(info)["prediction_type"] == "v_prediction"
    assert list(X4.skeleton(info) or {}) == ["unet", "text_encoder"]


def test_the_recommended_noise_is_taken_where_none_is_named(model: Checkpoint) -> None:
    stage = staged(model, **SIZE)
    assert np.array_equal(enlarged(stage, SMALL), enlarged(stage, SMALL, 20))


def test_an_autoencoder_of_another_factor_makes_another_enlarger(tmp_path: Path) -> None:
    tiny_x4(tmp_path / "checkpoints" / "x2", factor=2)
    model = loaded(tmp_path, "x2")
    assert model.info.anatomy.can.enlarges == Enlarging(2, 20, 350)
    assert enlarged(staged(model, width=48, height=32), SMALL).shape == (1, 32, 48, 3)


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ("scheduler", "scheduler/scheduler_config.json is missing"),
        ("low_res_scheduler", "low_res_scheduler/scheduler_config.json is missing"),
        ("unet", "unet/config.json is missing"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused(
    root: Path, tmp_path: Path, lost: str, sentence: str
) -> None:
    folder = tmp_path / "x4"
    shutil.copytree(root / "checkpoints" / "x4", folder)
    shutil.rmtree(folder / lost)
    with pytest.raises(ModelProblem, match=sentence):
        X4.recognise(folder, Card())


def test_a_unet_without_room_for_the_picture_is_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "x4"
    shutil.copytree(root / "checkpoints" / "x4", folder)
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps(config | {"in_channels": 4}))
    with pytest.raises(ModelProblem, match="latents and a picture"):
        X4.recognise(folder, Card())
