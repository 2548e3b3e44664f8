"""Flux.1 against diffusers' pipelines, and what its folders are refused for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from diffusers import FluxImg2ImgPipeline, FluxInpaintPipeline, FluxPipeline

from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.requests import Request
from backend.engine.jobs.asking import ask
from backend.families.flux import FLUX
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from tests.flow_side import (
    SIZES,
    FlowSide,
    asked,
    box_mask,
    changed,
    close,
    pictures,
    scene,
    wanted,
)
from tests.tiny_flow import edited, tiny_flux


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_flux(root / "checkpoints" / "dev")
    tiny_flux(root / "checkpoints" / "schnell", dev=False)
    return root


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "scale", "told", "batch", "size"),
    [
        ("dev", 1.0, 3.5, 1, SIZES[0]),
        ("dev", 1.0, 9.0, 3, SIZES[0]),
        ("dev", 4.0, 3.5, 1, SIZES[1]),
        ("schnell", 1.0, 3.5, 1, SIZES[0]),
    ],
)
def test_it_draws_what_the_pipeline_draws(
    side: FlowSide, name: str, scale: float, told: float, batch: int, size: tuple[int, int]
) -> None:
    pipe = side.pipeline(FluxPipeline, name)
    settings = wanted(name, size, guidance_scale=scale, distilled_guidance=told, batch_size=batch)
    theirs = pipe(**asked(settings, true_cfg_scale=scale, guidance_scale=told)).images
    assert close(side.drawn(settings), theirs) >= 0.999
    if name == "dev" and batch == 1:
        other = settings.model_copy(update={"distilled_guidance": told + 30})
        assert close(side.drawn(other), theirs) < 0.99


@pytest.mark.parity
@pytest.mark.parametrize(("strength", "scale", "batch"), [(0.5, 3.0, 1), (0.5, 1.0, 3)])
def test_img2img_begins_part_way_down_the_shifted_schedule(
    side: FlowSide, strength: float, scale: float, batch: int
) -> None:
    pipe = side.pipeline(FluxImg2ImgPipeline, "dev")
    picture = scene(*SIZES[1])
    settings = changed("dev", strength=strength, guidance_scale=scale, batch_size=batch)
    told = asked(settings, true_cfg_scale=scale, guidance_scale=3.5, strength=strength)
    theirs = pipe(**told, **pictures(batch, image=picture)).images
    assert close(side.drawn(settings, image=picture), theirs) >= 0.999
    if batch == 1:
        assert close(side.drawn(settings, image=255 - picture), theirs) < 0.99


@pytest.mark.parity
def test_inpainting_mixes_noise_and_picture_at_each_time(side: FlowSide) -> None:
    strength = 0.75
    pipe = side.pipeline(FluxInpaintPipeline, "dev")
    picture, mask = scene(*SIZES[1]), box_mask(*SIZES[1])
    settings = changed("dev", strength=strength)
    told = asked(settings, guidance_scale=3.5, strength=strength)
    theirs = pipe(**told, **pictures(1, image=picture, mask_image=mask)).images
    inside = mask[..., 0] > 0
    ours = side.drawn(settings, image=picture, mask=mask)
    assert close(ours[:, inside][None], theirs[:, inside][None]) >= 0.999
    other = side.drawn(settings, image=255 - picture, mask=mask)
    assert close(other[:, inside][None], theirs[:, inside][None]) < 0.99


@pytest.mark.parity
def test_a_lora_under_pefts_names_acts_as_in_the_pipeline(side: FlowSide) -> None:
    settings = wanted("dev", steps=6, guidance_scale=1.0)
    pipe = side.pipeline(FluxPipeline, "dev")
    side.check_lora(pipe, settings, asked(settings, guidance_scale=3.5))


def test_what_it_is(root: Path) -> None:
    catalog = Catalog([root], FAMILIES)
    dev, schnell = catalog.checkpoint("dev"), catalog.checkpoint("schnell")
    assert (dev.family_title, schnell.family_title) == ("Flux.1 dev", "Flux.1 schnell")
    assert (dev.anatomy.can.distilled, schnell.anatomy.can.distilled) == (True, False)
    assert (dev.anatomy.can.steps, schnell.anatomy.can.steps) == (28, 4)
    assert (dev.guidance_scale, dev.anatomy.tiny_decoder) == (1.0, "taef1")
    assert FLUX.scheduler_config(dev)["spacing"] == "trailing"
    assert FLUX.tokenizer(dev) is None
    assert list(FLUX.skeleton(dev)) == ["transformer", "text_encoder", "text_encoder_2"]


def test_a_scale_for_a_model_that_is_told_none_is_refused(side: FlowSide) -> None:
    settings = wanted("schnell", distilled_guidance=4.0)
    with pytest.raises(BadInput, match="told no guidance scale"):
        ask(side.engine, Request(settings, {}, save=False))


def test_parts_that_do_not_belong_together_are_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dev"
    shutil.copytree(root / "checkpoints" / "dev", folder)
    edited(folder / "transformer" / "config.json", in_channels=384)
    with pytest.raises(ModelProblem, match="takes 384 channels"):
        FLUX.recognise(folder, Card())
    edited(folder / "model_index.json", _class_name="FluxFillPipeline")
    assert FLUX.recognise(folder, Card()) is None


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    assert FLUX.recognise(tmp_path, Card()) is None
