"""Recipes in addresses: there and back, bounds, and links that mean harm."""

from __future__ import annotations

import base64
import json
import random
import re
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.contracts.errors import BadInput
from backend.contracts.settings import (
    MODES,
    Img2ImgSettings,
    LoraUse,
    MorphSettings,
    Settings,
    Txt2ImgSettings,
)
from backend.recipes.permalink import MAX_CHARS, MAX_JSON_BYTES, decode, encode

RICH = Txt2ImgSettings(
    prompt='ein Häuschen 🎈 "x": ${y} <b>',
    negative_prompt="fog",
    sampler="ddim",
    schedule="model",
    eta=0.3,
    seed=2**32 - 1,
    guidance_scale=2.5,
    width=320,
    height=192,
    loras=(LoraUse(name="pocket-ink", weight=-0.5, on=False), LoraUse(name="neon", start=0.2)),
)


def packed(document: Any) -> str:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


def whole(**changes: Any) -> dict[str, Any]:
    return {"schema": 1, "mode": "txt2img", "settings": {"prompt": "a house"}} | changes


@pytest.mark.parametrize(
    "settings",
    [
        RICH,
        Txt2ImgSettings(),
        Img2ImgSettings(strength=0.4, strengths=(0.2, 0.4)),
        MorphSettings(prompt_a="a", prompt_b="b", keyframes=2),
    ],
    ids=lambda settings: settings.mode,
)
def test_there_and_back(settings: Settings) -> None:
    text = encode(settings)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert len(text) < 1500
    assert decode(text) == settings


@given(st.text(max_size=200), st.integers(0, 2**32 - 1))
def test_any_prompt_comes_back(prompt: str, seed: int) -> None:
    try:
        settings = Txt2ImgSettings(prompt=prompt, seed=seed)
        text = encode(settings)
    except (ValueError, UnicodeError):
        return  # a prompt that the settings refuse
    assert decode(text) == settings


def test_every_mode_has_a_link() -> None:
    for mode, cls in MODES.items():
        if mode == "xyz_grid":
            settings = cls.model_validate({"x_field": "steps", "x_values": "1-3"})
        else:
            settings = cls()
        assert decode(encode(settings)) == settings


def test_a_recipe_that_does_not_fit_is_refused_with_its_size() -> None:
    chance = random.Random(0)
    words = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz 0123456789", k=9000))
    with pytest.raises(BadInput, match=r"needs a link of \d+\.\d KB; a link holds 6 KB"):
        encode(Txt2ImgSettings(prompt=words))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cut off or damaged"),
        ("a", "cut off or damaged"),
        ("%%%%", "cut off or damaged"),
        ("A" * (MAX_CHARS + 1), "longer than 6 KB"),
        (encode(RICH)[:-9], "cut off or damaged"),
        (encode(RICH)[:-9] + "AAAAAAAAA", "cut off or damaged"),
        ("ä" * 8, "cut off or damaged"),
        (packed(whole()) + "AAAA", "cut off or damaged"),
        (packed(b"[]"), "not a JSON object"),
        (packed(b'{"schema": 1, "schema": 1}'), "not valid JSON"),
        (packed(b"NaN"), "not valid JSON"),
        (packed(b"\xff\xfe\xfd"), "not valid JSON"),
        (packed(whole(schema=2)), "newer version"),
        (packed(whole(schema=-1)), "schema version"),
        (packed(whole(name="x")), "no field 'name'"),
        (packed(whole(mode="nowhere")), "no mode 'nowhere'"),
        (packed(whole(mode=3)), "needs a mode"),
        (packed(whole(settings=[])), "needs a mode and settings"),
        (packed(whole(settings={"promt": "x"})), "no setting 'promt'"),
        (packed(whole(settings={"steps": 5000})), "steps"),
        (packed(whole(settings={"steps": "5"})), "steps"),
    ],
)
def test_bad_links_are_sentences(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        decode(text)
    assert str(caught.value).startswith("The link's recipe cannot be used: ")


def test_a_bomb_is_not_unpacked() -> None:
    bomb = packed(b'{"schema": 1, "x": "' + b" " * 3_500_000 + b'"}')
    assert len(bomb) < MAX_CHARS
    tracemalloc.start()
    with pytest.raises(BadInput, match="unpacks to more than 256 KB"):
        decode(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MAX_JSON_BYTES
