"""Z-Image against diffusers' pipelines, and what its folders are refused for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from diffusers import ZImageImg2ImgPipeline, ZImageInpaintPipeline, ZImagePipeline

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.families.zimage import ZIMAGE
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
from tests.tiny_flow import edited, tiny_zimage


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_zimage(root / "checkpoints" / "turbo")
    tiny_zimage(root / "checkpoints" / "base", shift=6.0)
    return root


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "scale", "batch", "size"),
    [
        ("turbo", 1.0, 1, SIZES[0]),
        ("base", 6.0, 1, SIZES[1]),
        ("base", 3.0, 3, SIZES[0]),
    ],
)
def test_it_draws_what_the_pipeline_draws(
    side: FlowSide, name: str, scale: float, batch: int, size: tuple[int, int]
) -> None:
    """Its scale is one less than everybody else's."""
    pipe = side.pipeline(ZImagePipeline, name)
    settings = wanted(name, size, guidance_scale=scale, batch_size=batch)
    theirs = pipe(**asked(settings, guidance_scale=scale - 1)).images
    assert close(side.drawn(settings), theirs) >= 0.999
    if batch == 1:
        other = settings.model_copy(update={"prompt": "a fish in the sea at night"})
        assert close(side.drawn(other), theirs) < 0.99


@pytest.mark.parity
@pytest.mark.parametrize(("strength", "scale", "batch"), [(0.5, 1.0, 1), (0.75, 4.0, 3)])
def test_img2img_begins_part_way_down_the_shifted_schedule(
    side: FlowSide, strength: float, scale: float, batch: int
) -> None:
    pipe = side.pipeline(ZImageImg2ImgPipeline, "base")
    picture = scene(*SIZES[1])
    settings = changed("base", strength=strength, guidance_scale=scale, batch_size=batch)
    told = asked(settings, guidance_scale=scale - 1, strength=strength)
    theirs = pipe(**told, **pictures(batch, image=picture)).images
    assert close(side.drawn(settings, image=picture), theirs) >= 0.999
    if batch == 1:
        assert close(side.drawn(settings, image=255 - picture), theirs) < 0.99


@pytest.mark.parity
def test_inpainting_mixes_noise_and_picture_at_each_time(side: FlowSide) -> None:
    pipe = side.pipeline(ZImageInpaintPipeline, "base")
    picture, mask = scene(*SIZES[1]), box_mask(*SIZES[1])
    settings = changed("base", strength=0.75)
    told = asked(settings, guidance_scale=0.0, strength=0.75)
    theirs = pipe(**told, **pictures(1, image=picture, mask_image=mask)).images
    inside = mask[..., 0] > 0
    ours = side.drawn(settings, image=picture, mask=mask)
    assert close(ours[:, inside][None], theirs[:, inside][None]) >= 0.999
    other = side.drawn(settings, image=255 - picture, mask=mask)
    assert close(other[:, inside][None], theirs[:, inside][None]) < 0.99


def test_prompts_of_other_lengths_can_be_mixed(side: FlowSide) -> None:
    """At either end the mixture is that end."""
    values = {"prompt": "a fish", "prompt_b": "a very long fish in the snow at sunset"}
    ends = [side.drawn(wanted("turbo", prompt=values[end])) for end in ("prompt", "prompt_b")]
    for mix, end in zip((0.0, 1.0), ends, strict=True):
        mixed = side.drawn(wanted("turbo", prompt_mix=mix, **values))
        assert close(mixed, end / 255) >= 0.999
    between = side.drawn(wanted("turbo", prompt_mix=0.5, **values))
    assert all(close(between, end / 255) < 0.99 for end in ends)


@pytest.mark.parity
def test_a_lora_under_pefts_names_acts_as_in_the_pipeline(side: FlowSide) -> None:
    settings = wanted("base", steps=6, guidance_scale=3.0)
    pipe = side.pipeline(ZImagePipeline, "base")
    side.check_lora(pipe, settings, asked(settings, guidance_scale=2.0))


def test_what_it_is(root: Path) -> None:
    catalog = Catalog([root], FAMILIES)
    turbo, base = catalog.checkpoint("turbo"), catalog.checkpoint("base")
    assert (turbo.family_title, base.family_title) == ("Z-Image Turbo", "Z-Image")
    assert (turbo.guidance_scale, base.guidance_scale) == (1.0, 6.0)
    assert (turbo.anatomy.can.steps, base.anatomy.can.steps) == (8, 50)
    assert turbo.anatomy.tiny_decoder == "taef1"
    assert ZIMAGE.scheduler_config(turbo)["spacing"] == "trailing"
    assert ZIMAGE.tokenizer(turbo) is None
    assert list(ZIMAGE.skeleton(turbo)) == ["transformer", "text_encoder"]


def test_a_transformer_of_other_latents_is_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "turbo"
    shutil.copytree(root / "checkpoints" / "turbo", folder)
    edited(folder / "transformer" / "config.json", in_channels=4)
    with pytest.raises(ModelProblem, match="takes 4 channels"):
        ZIMAGE.recognise(folder, Card())
    edited(folder / "transformer" / "config.json", in_channels=16, all_patch_size=[4])
    with pytest.raises(ModelProblem, match="patches of other sizes"):
        ZIMAGE.recognise(folder, Card())


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    assert ZIMAGE.recognise(tmp_path, Card()) is None
