"""Qwen-Image against diffusers' pipelines, and what its folders are refused for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from diffusers import QwenImageImg2ImgPipeline, QwenImageInpaintPipeline, QwenImagePipeline

from backend.contracts.errors import ModelProblem
from backend.families.qwen_image import QWEN_IMAGE
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from tests.flow_side import SIZES, FlowSide, asked, changed, wanted
from tests.tiny_flow import edited, tiny_qwen_image

LONG = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_qwen_image(root / "checkpoints" / "qwen")
    return root


@pytest.mark.parity
@pytest.mark.parametrize(
    ("scale", "batch", "size"),
    [
        pytest.param(1.0, 1, SIZES[0], marks=LONG),
        (4.0, 1, SIZES[1]),
        pytest.param(4.0, 3, SIZES[0], marks=LONG),
    ],
)
def test_it_draws_what_the_pipeline_draws(
    side: FlowSide, scale: float, batch: int, size: tuple[int, int]
) -> None:
    """Its guidance keeps the norm of each token."""
    settings = wanted("qwen", size, guidance_scale=scale, batch_size=batch)
    side.check_drawn(QwenImagePipeline, settings, true_cfg_scale=scale)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("strength", "scale", "batch"), [(0.5, 1.0, 1), pytest.param(0.75, 4.0, 3, marks=LONG)]
)
def test_img2img_begins_part_way_down_the_shifted_schedule(
    side: FlowSide, strength: float, scale: float, batch: int
) -> None:
    settings = changed("qwen", strength=strength, guidance_scale=scale, batch_size=batch)
    side.check_changed(QwenImageImg2ImgPipeline, settings, true_cfg_scale=scale)


@pytest.mark.slow
@pytest.mark.parity
def test_inpainting_mixes_noise_and_picture_at_each_time(side: FlowSide) -> None:
    settings = changed("qwen", strength=0.75)
    side.check_inpainted(QwenImageInpaintPipeline, settings, true_cfg_scale=1.0)


@pytest.mark.slow
@pytest.mark.parity
def test_a_lora_under_pefts_names_acts_as_in_the_pipeline(side: FlowSide) -> None:
    settings = wanted("qwen", steps=6, guidance_scale=1.0)
    pipe = side.pipeline(QwenImagePipeline, "qwen")
    side.check_lora(pipe, settings, asked(settings, true_cfg_scale=1.0))


def test_what_it_is(root: Path) -> None:
    qwen = Catalog([root], FAMILIES).checkpoint("qwen")
    assert (qwen.family_title, qwen.guidance_scale) == ("Qwen-Image", 4.0)
    assert (qwen.anatomy.channels, qwen.anatomy.factor, qwen.anatomy.sizes.step_px) == (16, 4, 8)
    assert (qwen.anatomy.can.steps, qwen.anatomy.can.separate_vae) == (50, False)
    assert QWEN_IMAGE.scheduler_config(qwen)["spacing"] == "trailing"
    assert list(QWEN_IMAGE.skeleton(qwen)) == ["transformer", "text_encoder"]


def test_parts_that_do_not_belong_together_are_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "qwen"
    shutil.copytree(root / "checkpoints" / "qwen", folder)
    edited(folder / "transformer" / "config.json", in_channels=384)
    with pytest.raises(ModelProblem, match="takes 384 channels"):
        QWEN_IMAGE.recognise(folder, Card())
    edited(folder / "model_index.json", _class_name="QwenImageEditPipeline")
    assert QWEN_IMAGE.recognise(folder, Card()) is None
