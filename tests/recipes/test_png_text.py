"""Text chunks of a PNG: every kind, and bounds on files that mean harm."""

from __future__ import annotations

import io
import struct
import zlib

import pytest

from backend.contracts.errors import BadInput
from backend.recipes.png_text import MAX_TEXT_BYTES, MAX_UNPACKED_BYTES, SIGNATURE, read_texts

KEYS = frozenset({"parameters", "loom"} | {f"k{n}" for n in range(20)})


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + b"\0\0\0\0"


def found(*chunks: bytes, to_end: bool = True) -> dict[str, str]:
    content = SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")
    return read_texts(io.BytesIO(content), KEYS, to_end=to_end)


def itxt(key: str, text: str, *, packed: bool) -> bytes:
    data = zlib.compress(text.encode()) if packed else text.encode()
    return chunk(b"iTXt", key.encode() + b"\0" + bytes([packed, 0]) + b"de\0\0" + data)


def test_every_kind_of_text_is_read() -> None:
    assert found(chunk(b"tEXt", b"parameters\0caf\xe9")) == {"parameters": "café"}
    assert found(chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"caf\xe9"))) == {
        "parameters": "café"
    }
    for packed in (False, True):
        assert found(itxt("loom", "Häuser → 家", packed=packed)) == {"loom": "Häuser → 家"}


def test_other_keys_are_left_and_of_repeated_ones_the_first_counts() -> None:
    assert found(
        chunk(b"tEXt", b"Software\0x"),
        chunk(b"tEXt", b"loom\0first"),
        chunk(b"tEXt", b"loom\0second"),
    ) == {"loom": "first"}


def test_what_stands_behind_the_pixels_is_read_where_asked_for() -> None:
    parts = (chunk(b"IDAT", b"xx"), chunk(b"tEXt", b"loom\0late"))
    assert found(*parts) == {"loom": "late"}
    assert found(*parts, to_end=False) == {}


@pytest.mark.parametrize(
    "damaged",
    [
        chunk(b"tEXt", b"loom without separator"),
        chunk(b"zTXt", b"loom\0\0not zlib"),
        chunk(b"zTXt", b"loom\0\1" + zlib.compress(b"another method")),
        chunk(b"iTXt", b"loom\0\0\0too few fields"),
        chunk(b"zTXt", b"loom\0\0" + zlib.compress(b"cut short" * 99)[:-3]),
        struct.pack(">I4s", 0xFFFFFFFF, b"tEXt") + b"loom\0",
    ],
)
def test_damaged_chunks_are_left_out(damaged: bytes) -> None:
    assert "loom" not in found(damaged)


def test_a_chunk_unpacks_to_the_cap_and_no_further() -> None:
    bomb = zlib.compress(b"a" * (MAX_TEXT_BYTES + 1))
    assert found(chunk(b"zTXt", b"loom\0\0" + bomb)) == {}
    fits = zlib.compress(b"a" * (MAX_TEXT_BYTES - 1))
    assert len(found(chunk(b"zTXt", b"loom\0\0" + fits))["loom"]) == MAX_TEXT_BYTES - 1


def test_all_chunks_together_have_a_bound() -> None:
    packed = zlib.compress(b"a" * (MAX_TEXT_BYTES - 1))
    chunks = [chunk(b"zTXt", f"k{n}".encode() + b"\0\0" + packed) for n in range(20)]
    texts = found(*chunks)
    assert sum(len(text) for text in texts.values()) <= MAX_UNPACKED_BYTES
    assert "k0" in texts
    assert "k19" not in texts


def test_another_file_is_refused() -> None:
    with pytest.raises(BadInput, match="not a PNG"):
        read_texts(io.BytesIO(b"GIF89a"), KEYS)
