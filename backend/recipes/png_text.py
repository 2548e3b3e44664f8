"""The text chunks of a PNG, read without decoding a pixel and with a bound on everything.

PNG specification, third edition, 11.3.3 (tEXt, zTXt, iTXt). A chunk that claims more than it has,
or unpacks to more than the cap, is left out rather than trusted; what all chunks of a file may
unpack to together has a bound too.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from backend.contracts.errors import BadInput

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT_BYTES = 1024 * 1024
MAX_CHUNKS = 10_000
MAX_UNPACKED_BYTES = 4 * MAX_TEXT_BYTES
_TEXT_KINDS = {b"tEXt", b"zTXt", b"iTXt"}


def read_texts(
    stream: BinaryIO, keys: frozenset[str] | None, *, to_end: bool = True
) -> dict[str, str]:
    """Text chunks of a PNG whose keyword is in `keys`; of repeated ones the first.

    Args:
        stream: Positioned at the start of the file; seekable.
        keys: Keywords that matter; None for any.
        to_end: Also look behind the pixels, where some tools put their text.

    Raises:
        BadInput: It is not a PNG.
    """
    if stream.read(8) != SIGNATURE:
        raise BadInput("This is not a PNG file.")
    texts: dict[str, str] = {}
    left_bytes = MAX_UNPACKED_BYTES
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
        keyword, separator, rest = body.partition(b"\0")
        key = keyword.decode("latin-1")
        if not separator or len(body) < length or key in texts or not (keys is None or key in keys):
            continue
        text, unpacked_bytes = _decode(kind, rest, left_bytes)
        left_bytes -= unpacked_bytes
        if text is not None:
            texts[key] = text
    return texts


def read_exif(stream: BinaryIO) -> bytes:
    """The EXIF block of a PNG (11.3.4.5), as converters write it; empty where there is none.

    Args:
        stream: Positioned at the start of the file; seekable.

    Raises:
        BadInput: It is not a PNG.
    """
    if stream.read(8) != SIGNATURE:
        raise BadInput("This is not a PNG file.")
    for _ in range(MAX_CHUNKS):
        header = stream.read(8)
        if len(header) < 8:
            break
        length, kind = struct.unpack(">I4s", header)
        if kind == b"IEND":
            break
        if kind == b"eXIf" and length <= 2 * MAX_TEXT_BYTES:
            return stream.read(length)
        stream.seek(length + 4, 1)
    return b""


def _decode(kind: bytes, rest: bytes, most_bytes: int) -> tuple[str | None, int]:
    """The text behind a keyword, None where it is damaged; and how many bytes were unpacked."""
    if kind == b"tEXt":
        return _plain(rest), 0
    if kind == b"zTXt":
        text, size = _unpack(rest[1:], most_bytes) if rest[:1] == b"\0" else (None, 0)
        return None if text is None else _plain(text), size
    compressed, method, fields = rest[:1], rest[1:2], rest[2:].split(b"\0", 2)
    if len(fields) != 3 or method != b"\0":  # language tag, translated keyword, text
        return None, 0
    text, size = _unpack(fields[2], most_bytes) if compressed == b"\1" else (fields[2], 0)
    return None if text is None else text.decode("utf-8", errors="replace"), size


def _plain(text: bytes) -> str:
    """Latin-1 says the specification; most tools write UTF-8, which hardly ever is both."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _unpack(data: bytes, most_bytes: int) -> tuple[bytes | None, int]:
    most_bytes = min(most_bytes, MAX_TEXT_BYTES)
    if most_bytes < 1:  # to zlib, 0 is no bound
        return None, 0
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, most_bytes)
    except zlib.error:
        return None, most_bytes  # it may have unpacked up to here before it failed
    return (text if unpacker.eof else None), len(text)
