"""What a model cannot do is refused by a sentence that names the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backend.contracts.capabilities import (
    Capabilities,
    Enlarging,
    SizeGrid,
    sentence,
)
from backend.contracts.errors import BadInput
from backend.contracts.fields import described
from backend.contracts.library import ControlNetEntry, Library, LoraEntry, ModelEntry, VaeEntry
from backend.contracts.requests import CaptionedPicture, Request, TrainLoraRequest
from backend.contracts.settings import MODES, Settings, parse
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.contracts.settings.train_lora import parse_training
from backend.resolve.request import resolve, resolve_pictures
from backend.sampling.samplers import ENTRIES

PICTURE = np.zeros((64, 64, 3), np.uint8)
NOTHING = Capabilities(
    prompt=False,
    negative_prompt=False,
    guidance="none",
    mask=False,
    inversion=False,
    controlnet=False,
    lora=False,
    attention=False,
    separate_vae=False,
    training=False,
)
PAINTER = Capabilities(from_noise=False)
COARSE = SizeGrid(step_px=16, least_px=32, most_px=512)


def run(mode: str, can: Capabilities, images: dict[str, Any], **values: Any) -> Settings:
    library = Library(
        (ModelEntry("cloud", native_size=(64, 64), guidance_scale=1.0, can=can, sizes=COARSE),),
        ENTRIES,
        loras=(LoraEntry("ink"),),
        vaes=(VaeEntry("soft"),),
        controlnets=(ControlNetEntry("edges", detectors=("canny",), fits=("cloud",)),),
    )
    return resolve_pictures(Request(parse(mode, values), images), library).settings


@pytest.mark.parametrize(
    ("mode", "values", "images", "field"),
    [
        ("txt2img", {"prompt": "a boat"}, (), "prompt"),
        ("txt2img", {"prompt_b": "a boat"}, (), "prompt_b"),
        ("txt2img", {"negative_prompt": "fog"}, (), "negative_prompt"),
        ("txt2img", {"guidance_scale": 1.5}, (), "guidance_scale"),
        ("txt2img", {"guidance_rescale": 0.5}, (), "guidance_rescale"),
        ("txt2img", {"loras": [{"name": "ink"}]}, (), "loras"),
        ("txt2img", {"vae": "soft"}, (), "vae"),
        ("txt2img", {"class_label": 2}, (), "class_label"),
        ("img2img", {}, ("image", "mask"), "model"),
        ("img2img", {"start_noise": "inverted", "sampler": "ddim", "schedule": "model"},
         ("image",), "start_noise"),
        ("style_transfer", {}, ("image",), "model"),
        ("lora_mix", {}, (), "model"),
    ],
)  # fmt: skip
def test_each_is_refused_where_it_is_lacking_and_let_through_where_not(
    mode: str, values: dict[str, Any], images: tuple[str, ...], field: str
) -> None:
    given = {name: PICTURE for name in images}
    run(mode, Capabilities(classes=3), given, **values)
    with pytest.raises(BadInput, match=r"^'cloud' ") as refusal:
        run(mode, NOTHING, given, **values)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("mode", "can", "values", "said", "field"),
    [
        ("txt2img", Capabilities(guidance="none"), {"prompt": "a AND b"}, "by which AND", "prompt"),
        ("morph", Capabilities(), {"prompt_a": "a AND b", "prompt_b": "c", "method": "walk"},
         "take AND out of this",
         "prompt_a"),
        ("img2img", Capabilities(), {"source_prompt": "a AND b"}, "what the picture shows",
         "source_prompt"),
        ("txt2img", Capabilities(), {"prompt": "a AND b", "prompt_b": "c AND d AND e",
         "prompt_mix": 0.5}, "2 and 3 parts", "prompt_b"),
        ("txt2img", Capabilities(), {"prompt": "a AND b :200"}, "keep weights", "prompt"),
    ],
)  # fmt: skip
def test_prompts_that_cannot_be_joined_are_refused(
    mode: str, can: Capabilities, values: dict[str, Any], said: str, field: str
) -> None:
    pictures = {"image": PICTURE} if mode == "img2img" else {}
    with pytest.raises(BadInput, match=said) as refusal:
        run(mode, can, pictures, **values)
    assert refusal.value.field == field
    run(mode, Capabilities(), pictures, **values | {field: "a"})


@pytest.mark.parametrize(("mode", "images"), [("txt2img", {}), ("img2img", {"image": PICTURE})])
def test_a_model_that_enlarges_is_refused_where_no_small_picture_is_shown(
    mode: str, images: dict[str, Any]
) -> None:
    with pytest.raises(BadInput, match="enlarges a small picture; take one to Upscale") as refusal:
        run(mode, Capabilities(enlarges=Enlarging(4, 20, 350)), images)
    assert refusal.value.field == "model"


@pytest.mark.parametrize("mode", ["txt2img", "lora_mix"])
def test_a_model_that_starts_from_a_picture_is_refused_before_any_engine(mode: str) -> None:
    with pytest.raises(BadInput, match="only changes a picture") as refusal:
        run(mode, PAINTER, {})
    assert refusal.value.field == "model"
    run("img2img", PAINTER, {"image": PICTURE})


def test_a_model_that_can_do_nothing_but_draw_draws() -> None:
    settings = run("txt2img", NOTHING, {})
    assert (settings.model, settings.guidance_scale, settings.drawn_size) == (
        "cloud",
        1.0,
        (64, 64),
    )
    run("txt2img", NOTHING, {}, guidance_scale=1.0)
    run("img2img", NOTHING, {"image": PICTURE})


@pytest.mark.parametrize("width", [16, 40, 528, 1])
def test_sizes_off_the_models_grid_are_refused(width: int) -> None:
    with pytest.raises(
        BadInput, match=rf"from 32 to 512 px in steps of 16 px; {width} "
    ) as refusal:
        run("txt2img", Capabilities(), {}, width=width)
    assert refusal.value.field == "width"


@pytest.mark.parametrize(("scale", "side"), [(1.1, 64), (1.2, 80), (1.4, 96), (4.0, 256)])
def test_hires_enlarges_on_the_models_grid(scale: float, side: int) -> None:
    settings = run("txt2img", Capabilities(), {}, hires_scale=scale)
    assert settings.drawn_size == (side, side)


def test_what_extends_a_picture_keeps_to_the_grid() -> None:
    outpainted = run("img2img", Capabilities(), {"image": PICTURE}, outpaint_left=32)
    assert outpainted.drawn_size == (96, 64)
    with pytest.raises(BadInput, match="72x64 px, and 'cloud' draws multiples of 16 px"):
        run("img2img", Capabilities(), {"image": PICTURE}, outpaint_left=8)
    with pytest.raises(BadInput, match="576 x 64 px, and 'cloud' draws up to 512 px") as refusal:
        run("img2img", Capabilities(), {"image": PICTURE}, outpaint_right=512)
    assert refusal.value.field == "outpaint_right"


@pytest.mark.parametrize(
    ("can", "resolution", "says"),
    [
        (Capabilities(training=False), 64, "cannot be trained here"),
        (Capabilities(training=False, from_noise=False), 64, "inpainting model"),
        (Capabilities(), 40, "in steps of 16 px; 40 is none of them"),
    ],
)
def test_a_training_asks_the_model_too(can: Capabilities, resolution: int, says: str) -> None:
    library = Library((ModelEntry("cloud", can=can, sizes=COARSE),), {})
    settings = parse_training({"name": "x", "model": "cloud", "resolution": resolution})
    asked = TrainLoraRequest(settings, (CaptionedPicture("a.png", PICTURE, "a"),))
    with pytest.raises(BadInput, match=says):
        resolve(asked, library)


def test_every_capability_that_is_needed_has_its_sentence() -> None:
    kinds = (*MODES.values(), LoraPadSettings, FootprintSettings)
    needed = {one for kind in kinds for one in kind.needs}
    needed |= {told.needs for kind in kinds for told in described(kind).values()} - {""}
    assert {"prompt", "lora", "edits", "from_noise", "controlnet"} <= needed
    for capability in needed:
        able = Capabilities(classes=3, edits=True, distilled=True, codes=512)
        assert sentence(capability, able, "x") is None
        assert str(sentence(capability, replace(NOTHING, from_noise=False), "x")).startswith("'x' ")
