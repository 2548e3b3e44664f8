"""Results as PNG, JPEG and WebP: each is read back with the record that it was written with."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.contracts.events import Record
from backend.contracts.settings import Txt2ImgSettings
from backend.recipes.a1111 import parse_parameters
from backend.recipes.metadata import read
from backend.recipes.pictures import MAX_SEGMENT_BYTES, encoded
from backend.recipes.texts import texts_of

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
SMOOTH = np.linspace(0, 255, 48 * 64 * 3).reshape(48, 64, 3).astype(np.uint8)


def record(**values: Any) -> Record:
    settings = Txt2ImgSettings.model_validate({"seed": 5, "steps": 12} | values)
    return Record(
        "txt2img",
        settings.model_dump(mode="json"),
        {"name": "pocket", "hash": "ab"},
        {"device": "cpu", "lora_hashes": {"ink": "cd"}},
    )


PROMPTS = ["a red house", 'a <b> & "c" \\ é 写真 😀 </loom:record>', "x" * 2_000]


@pytest.mark.parametrize("prompt", PROMPTS, ids=["plain", "odd", "long"])
@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_the_record_comes_back_as_it_was(form: str, prompt: str) -> None:
    written = record(prompt=prompt, negative_prompt="rain & mud", save_format=form)
    file = encoded(SMOOTH, written)
    found = read(file.content)
    expected = Txt2ImgSettings.model_validate(written.settings).model_dump()
    assert Txt2ImgSettings.model_validate(found.settings).model_dump() == expected
    assert (found.source, found.model, found.extra) == ("latent-loom", written.model, written.extra)
    with Image.open(io.BytesIO(file.content)) as image:
        assert (image.format, image.size) == (form.upper(), (64, 48))
    assert file.kind == f"image/{form}"


@pytest.mark.parametrize("form", ["jpeg", "webp"])
def test_other_tools_find_their_text_in_exif(form: str) -> None:
    written = record(prompt="ein Überraschungsei", save_format=form)
    text = texts_of(encoded(SMOOTH, written).content)["parameters"]
    parsed = parse_parameters(text)
    assert parsed.settings["prompt"] == "ein Überraschungsei"
    assert (parsed.settings["seed"], parsed.settings["steps"]) == (5, 12)


def test_quality_is_kept_to() -> None:
    sizes = [
        len(encoded(NOISE, record(save_format=form, save_quality=quality)).content)
        for form, quality in (("jpeg", 20), ("jpeg", 95), ("webp", 20), ("webp", 95))
    ]
    assert sizes[0] < sizes[1] / 2
    assert sizes[2] < sizes[3] / 1.5


def test_webp_at_100_loses_nothing() -> None:
    file = encoded(NOISE, record(save_format="webp", save_quality=100))
    with Image.open(io.BytesIO(file.content)) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), NOISE)


def test_a_record_too_long_for_jpeg_goes_into_a_png() -> None:
    prompt = "é" * 18_000  # six characters each in JSON
    assert len(prompt) * 6 > MAX_SEGMENT_BYTES
    file = encoded(SMOOTH, record(prompt=prompt, save_format="jpeg"))
    assert file.suffix == ".png"
    assert read(file.content).settings["prompt"] == prompt
    webp = encoded(SMOOTH, record(prompt=prompt, save_format="webp"))
    assert webp.suffix == ".webp"
    assert read(webp.content).settings["prompt"] == prompt
