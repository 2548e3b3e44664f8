"""The text chunks of a PNG, read without decoding a pixel and with a bound on everything.

PNG specification, third edition, 11.3.3 (tEXt, zTXt, iTXt). A chunk that claims more than it has,
or unpacks to more than the cap, is left out rather than trusted.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from backend.contracts.errors import BadInput

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT_BYTES = 1024 * 1024
MAX_CHUNKS = 10_000
_TEXT_KINDS = {b"tEXt", b"zTXt", b"iTXt"}


def read_texts(stream: BinaryIO, keys: frozenset[str], *, to_end: bool = True) -> dict[str, str]:
    """Text chunks of a PNG whose keyword is in `keys`; of repeated ones the first.

    Args:
        stream: Positioned at the start of the file; seekable.
        keys: Keywords that matter.
        to_end: Also look behind the pixels, where some tools put their text.

    Raises:
        BadInput: It is not a PNG.
    """
    if stream.read(8) != SIGNATURE:
        raise BadInput("This is not a PNG file.")
    texts: dict[str, str] = {}
    for _ in range(MAX_CHUNKS):
        header = stream.read(8)
        if len(header) < 8:
            break
        length, kind = struct.unpack(">I4s", header)
        if kind == b"IEND" or (kind == b"IDAT" and not to_end):
            break
        if kind not in _TEXT_KINDS or length > MAX_TEXT_BYTES:
            stream.seek(length + 4, 1)
            continue
        body = stream.read(length)
        stream.seek(4, 1)
        found = _decode(kind, body, keys) if len(body) == length else None
        if found is not None:
            texts.setdefault(*found)
    return texts


def _decode(kind: bytes, body: bytes, keys: frozenset[str]) -> tuple[str, str] | None:
    keyword, separator, rest = body.partition(b"\0")
    key = keyword.decode("latin-1")
    if not separator or key not in keys:
        return None
    if kind == b"tEXt":
        return key, rest.decode("latin-1")
    if kind == b"zTXt":
        text = _unpack(rest[1:]) if rest[:1] == b"\0" else None
        return None if text is None else (key, text.decode("latin-1"))
    compressed, method, fields = rest[:1], rest[1:2], rest[2:].split(b"\0", 2)
    if len(fields) != 3 or method != b"\0":  # language tag, translated keyword, text
        return None
    text = _unpack(fields[2]) if compressed == b"\1" else fields[2]
    return None if text is None else (key, text.decode("utf-8", errors="replace"))


def _unpack(data: bytes) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return text if unpacker.eof else None
