"""Records in the lowest bits of pixels: NovelAI's, and those of A1111's extensions."""

from __future__ import annotations

import gzip
import io
import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from backend.contracts.errors import BadInput
from backend.recipes import hidden
from backend.recipes.hidden import hidden_texts
from backend.recipes.metadata import read
from backend.recipes.texts import KEYS, every_text, texts_of

A1111 = (
    "a red house, 赤い家\nNegative prompt: blurry\n"
    "Steps: 8, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 42, Size: 256x256, Model: pocket"
)
COMMENT = {"prompt": "a red house", "uc": "fog", "steps": 28, "seed": 42, "scale": 5.0,
           "sampler": "k_euler_ancestral", "width": 832, "height": 1216}  # fmt: skip
NOVELAI = json.dumps({"Software": "NovelAI", "Source": "V4", "Comment": json.dumps(COMMENT)})


def signed(signature: bytes, body: bytes, bits: int | None = None) -> bytes:
    return signature + (8 * len(body) if bits is None else bits).to_bytes(4, "big") + body


def drawn(
    payload: bytes, *, colours: bool = False, size: tuple[int, int] = (96, 64)
) -> Image.Image:
    """A picture of noise with the payload in it, as those tools put it there."""
    width, height = size
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 4), np.uint8)
    pixels[..., 3] = 255
    part = pixels[..., :3] if colours else pixels[..., 3:]
    bits = np.unpackbits(np.frombuffer(payload, np.uint8))
    turned = part.transpose(1, 0, 2).reshape(-1)
    assert len(bits) <= len(turned)
    turned[: len(bits)] = (turned[: len(bits)] & 254) | bits
    part[...] = turned.reshape(width, height, -1).transpose(1, 0, 2)
    return Image.fromarray(pixels).convert("RGB" if colours else "RGBA")


def filed(image: Image.Image, kind: str = "png", **texts: str) -> bytes:
    stream = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    options = {"pnginfo": info} if kind == "png" else {"lossless": True, "exact": True}
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_novelais_alpha() -> None:
    image = drawn(signed(b"stealth_pngcomp", gzip.compress(NOVELAI.encode())))
    found = read(filed(image))
    assert found.tool == "NovelAI"
    wanted = {"prompt": "a red house", "negative_prompt": "fog", "steps": 28, "seed": 42,
              "guidance_scale": 5.0, "width": 832, "height": 1216, "sampler": "euler_a",
              "schedule": "model"}  # fmt: skip
    assert found.settings == wanted
    assert read(filed(image, "webp")).settings == wanted


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_a1111s_extensions(colours: bool, packed: bool) -> None:
    signature = f"stealth_{'rgb' if colours else 'png'}{'comp' if packed else 'info'}".encode()
    body = gzip.compress(A1111.encode()) if packed else A1111.encode()
    data = filed(drawn(signed(signature, body), colours=colours))
    assert texts_of(data) == every_text(data) == {"parameters": A1111}
    found = read(data)
    assert found.settings["prompt"] == "a red house, 赤い家"
    assert (found.settings["seed"], found.settings["schedule"]) == (42, "karras")


def test_what_the_file_tells_goes_before() -> None:
    image = drawn(signed(b"stealth_pnginfo", A1111.encode()))
    data = filed(image, parameters="a boat\nSteps: 2, Sampler: Euler, CFG scale: 2, Seed: 1")
    assert read(data).settings["prompt"] == "a boat"
    assert read(filed(image, Comment="Created with GIMP")).settings["seed"] == 42
    with pytest.raises(BadInput, match="no settings"):
        read(filed(image), hidden=False)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        signed(b"stealth_pngfoo!", A1111.encode()),
        signed(b"stealth_rgbinfo", A1111.encode()),  # of the colours, in alpha
        signed(b"stealth_pngcomp", b"not gzip"),
        signed(b"stealth_pngcomp", gzip.compress(A1111.encode(), mtime=0)[:40]),
        signed(b"stealth_pnginfo", b"", bits=0),
    ],
)
def test_what_is_no_record_is_none(payload: bytes) -> None:
    with pytest.raises(BadInput, match="no settings"):
        read(filed(drawn(payload)))


def test_a_length_beyond_the_picture_takes_what_is_there() -> None:
    data = filed(drawn(signed(b"stealth_pnginfo", A1111.encode(), bits=2**32 - 1)))
    assert read(data).settings["seed"] == 42


def test_what_unpacks_without_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"a" * 2**22, mtime=0)
    assert hidden_texts(filed(drawn(signed(b"stealth_pngcomp", bomb), size=(512, 128))), KEYS) == {}
    monkeypatch.setattr(hidden, "MAX_PIXELS", 64 * 64)
    image = drawn(signed(b"stealth_pnginfo", A1111.encode()))
    assert hidden_texts(filed(image), KEYS) == {}


def test_only_the_columns_of_the_text_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    plain = np.packbits

    def counted(bits: np.ndarray) -> np.ndarray:
        seen.append(len(bits))
        return plain(bits)

    monkeypatch.setattr(hidden.np, "packbits", counted)
    data = filed(drawn(signed(b"stealth_pnginfo", A1111.encode()), size=(900, 64)))
    assert hidden_texts(data, KEYS)
    assert sum(seen) < 8 * len(A1111.encode()) + 19 * 8 + 3 * 3 * 64


@given(st.binary(max_size=60), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_bytes_are_an_error(body: bytes, packed: bool) -> None:
    payload = signed(b"stealth_pngcomp" if packed else b"stealth_pnginfo", body)
    found = hidden_texts(filed(drawn(payload, size=(32, 24))), KEYS)
    assert set(found) <= KEYS
    assert hidden_texts(zlib.compress(payload), KEYS) == {}
