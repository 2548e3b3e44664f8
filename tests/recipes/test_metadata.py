"""Recipes in pictures: ours, those of other tools, and files that mean harm."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from backend.contracts.errors import BadInput
from backend.contracts.events import Record
from backend.contracts.settings import Txt2ImgSettings
from backend.pictures import opening as images
from backend.recipes import png_text
from backend.recipes.metadata import OWN_KEY, from_texts, read, write_png

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 64, 3), dtype=np.uint8)
RECORD = Record(
    "txt2img",
    Txt2ImgSettings(
        prompt='ein Häuschen 🎈, "x": y\n\nNegative prompt: no, really',
        negative_prompt="<b>",
        width=64,
        height=64,
        seed=3,
        guidance_scale=2.5,
        prompt_b="b",
        prompt_mix=0.25,
    ).model_dump(mode="json"),
    {"name": "pocket", "hash": "0123456789"},
    {"device": "cpu"},
)
TEXT = "a house\nNegative prompt: fog\nSteps: 7, Sampler: Euler, CFG scale: 3, Seed: 5"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(*chunks: bytes) -> bytes:
    """A real small PNG with further chunks between its header and its pixels."""
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "png")
    data = buffer.getvalue()
    return data[:33] + b"".join(chunks) + data[33:]


def own(document: Any) -> bytes:
    return chunk(b"tEXt", OWN_KEY.encode() + b"\0" + json.dumps(document).encode())


def test_our_png_comes_back_exactly() -> None:
    data = write_png(PIXELS, RECORD)
    found = read(data)
    assert (found.mode, found.settings, found.notes) == ("txt2img", RECORD.settings, ())
    assert (found.source, found.model, found.extra) == (OWN_KEY, RECORD.model, RECORD.extra)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image), PIXELS)
        assert image.text["parameters"].startswith("ein Häuschen 🎈")


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.integers(0, 2**32 - 1))
def test_any_prompt_survives(prompt: str, seed: int) -> None:
    settings = Txt2ImgSettings(prompt=prompt, seed=seed).model_dump(mode="json")
    found = read(write_png(PIXELS, Record("txt2img", settings, {"name": "m", "hash": ""})))
    assert found.settings == settings


@pytest.mark.parametrize(
    "body",
    [
        chunk(b"tEXt", b"parameters\0" + TEXT.encode()),
        chunk(b"zTXt", b"parameters\0\0" + zlib.compress(TEXT.encode())),
        chunk(b"iTXt", b"parameters\0\0\0\0\0" + TEXT.encode()),
        chunk(b"iTXt", b"parameters\0\1\0en\0k\0" + zlib.compress(TEXT.encode())),
    ],
)
def test_each_kind_of_text_chunk_is_read(body: bytes) -> None:
    found = read(png_with(body))
    assert found.source == "parameters"
    assert (found.settings["prompt"], found.settings["steps"]) == ("a house", 7)


def test_text_behind_the_pixels_is_read() -> None:
    plain = png_with()
    found = read(plain[:-12] + chunk(b"tEXt", b"parameters\0" + TEXT.encode()) + plain[-12:])
    assert found.settings["steps"] == 7


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + TEXT.encode("utf-16-be"),
        b"UNICODE\0" + TEXT.encode("utf-16-le"),
        b"ASCII\0\0\0" + TEXT.encode(),
        b"\0" * 8 + TEXT.encode(),
    ],
)
@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_exif_user_comments_are_read(kind: str, comment: bytes) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, exif=exif)
    found = read(buffer.getvalue())
    assert (found.settings["negative_prompt"], found.settings["seed"]) == ("fog", 5)


def test_what_is_unknown_or_out_of_range_is_left_out_and_said() -> None:
    values = {
        "prompt": "x",
        "steps": 12,
        "eta": 7,
        "later": 1,
        "dotted.name": 2,
        "loras": [{"name": "a", "weight": 99}],
        "sampler": "ddim",
        "schedule": "karras",
    }
    found = read(png_with(own({"schema": 1, "mode": "txt2img", "settings": values})))
    assert found.settings == {"prompt": "x", "steps": 12}
    for word in ("eta", "later", "dotted.name", "loras", "schedule"):
        assert any(word in note for note in found.notes), word


@pytest.mark.parametrize(
    "document",
    [
        {"schema": 9, "mode": "txt2img", "settings": {}},
        {"schema": 1, "mode": "dance", "settings": {}},
        {"schema": 1, "mode": "txt2img", "settings": []},
        {"schema": 1, "mode": "txt2img", "settings": {}, "model": "x"},
        [],
        "x",
        None,
    ],
)
def test_a_record_that_cannot_be_used_leaves_the_other_text(document: Any) -> None:
    parameters = chunk(b"tEXt", b"parameters\0" + TEXT.encode())
    found = read(png_with(own(document), parameters))
    assert found.source == "parameters"
    assert len(found.notes) == 1
    with pytest.raises(BadInput, match="cannot be used"):
        read(png_with(own(document)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\x89PNG\r\n\x1a\n",
        png_text.SIGNATURE + b"\0" * 100,
        png_with(),
        b"\xff\xd8\xff\xe0junk",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"GIF89a" + b"\0" * 20,
        png_with(chunk(b"tEXt", b"workflow\0{}")),
        png_with(chunk(b"zTXt", b"parameters\0\0not zlib")),
        png_with(chunk(b"zTXt", b"parameters")),
        png_with(chunk(b"iTXt", b"parameters\0\1")),
        png_text.SIGNATURE + struct.pack(">I4s", 2**32 - 1, b"tEXt") + b"parameters\0x",
    ],
)
def test_junk_is_a_sentence(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"^This .*\.$"):
        read(data)


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_damage_breaks_the_reader(noise: bytes, at: int) -> None:
    data = bytearray(write_png(PIXELS, RECORD))
    data[at : at + len(noise)] = noise
    with contextlib.suppress(BadInput):
        read(bytes(data))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_text_bomb_is_not_unpacked(kind: bytes) -> None:
    bomb = zlib.compress(b"a" * 50_000_000, 1)
    head = b"parameters\0\0" if kind == b"zTXt" else b"parameters\0\1\0\0\0"
    data = png_with(chunk(kind, head + bomb))
    tracemalloc.start()
    try:
        with pytest.raises(BadInput):
            read(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def bomb_png(side: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return png_text.SIGNATURE + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [4097, 5000, 13_000, 2**31 - 1])
def test_a_picture_bomb_is_refused_by_its_header(side: int) -> None:
    with (
        pytest.raises(BadInput, match=r"larger than 16\.8 megapixels"),
        images.opened(bomb_png(side)) as image,
    ):
        image.load()


def test_pillow_reads_what_we_write() -> None:
    with Image.open(io.BytesIO(write_png(PIXELS, RECORD))) as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert json.loads(image.text[OWN_KEY])["settings"] == RECORD.settings


def test_a_large_seed_of_another_tool_is_kept_whole_and_told() -> None:
    text = "a red house\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1125899906842631"
    found = from_texts({"parameters": text})
    assert found.settings["seed"] == 2**50 + 7
    assert any("it draws the picture of 7" in note for note in found.notes)
