"""Records in the lowest bits of a picture's pixels, which outlive that its texts are taken out.

NovelAI keeps its record in the alpha channel, and extensions of A1111, its forks and ComfyUI do so
in alpha or in the colours. Columns from left to right, from top to bottom: fifteen letters that say
which, 32 bits with the number of bits that follow, and the text, in UTF-8 or packed by gzip.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.pictures.opening import MAX_PIXELS, header_of
from backend.recipes.png_text import MAX_TEXT_BYTES
from backend.recipes.readers.common import json_object

FORMATS = ("PNG", "WEBP")  # JPEG and AVIF keep no lowest bits
_SIGNED_BYTES, _COUNTED_BYTES = 15, 4
# (in the alpha channel, packed by gzip)
_SIGNATURES = {
    b"stealth_pnginfo": (True, False),
    b"stealth_pngcomp": (True, True),
    b"stealth_rgbinfo": (False, False),
    b"stealth_rgbcomp": (False, True),
}
_MOST_KEYS = 20
_GZIP = 31  # zlib's name for its frame
Planes = NDArray[np.uint8]


def hidden_texts(data: bytes, keys: frozenset[str]) -> dict[str, str]:
    """The texts that lie in the pixels, by PNG's names for them; none where there are none.

    One picture is decoded, of at most `MAX_PIXELS`; of its pixels only the columns that the text
    fills are looked at, and of the text at most `MAX_TEXT_BYTES` are kept.

    Args:
        data: The file's bytes.
        keys: Names that a JSON object has to hold one of; any other text is `parameters`.
    """
    text = _text(data)
    if not text:
        return {}
    record = json_object(text)
    if record is None or not keys & set(record):
        return {"parameters": text}
    told = ((key, _plain(record[key])) for key in list(record)[:_MOST_KEYS])
    return {key: value for key, value in told if value}


def _text(data: bytes) -> str:
    planes = _planes(data)
    if planes is None:
        return ""
    for alpha in (True, False):
        part = planes[:, :, 3:] if alpha else planes[:, :, :3]
        head = _bytes(part, 0, _SIGNED_BYTES + _COUNTED_BYTES)
        found = _SIGNATURES.get(head[:_SIGNED_BYTES])
        if found is None or found[0] != alpha or len(head) < _SIGNED_BYTES + _COUNTED_BYTES:
            continue
        count = int.from_bytes(head[_SIGNED_BYTES:], "big") // 8
        body = _bytes(part, len(head), min(count, MAX_TEXT_BYTES))
        if found[1]:
            body = _unpacked(body)
        return body.decode("utf-8", errors="replace").replace("\0", "")
    return ""


def _planes(data: bytes) -> Planes | None:
    """(H, W, 3 or 4), None where the file has no pixels that keep their lowest bits."""
    try:
        with header_of(data, FORMATS) as image:
            if image.mode not in ("RGB", "RGBA") or image.width * image.height > MAX_PIXELS:
                return None
            return np.asarray(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    except Exception:  # a parser of hostile bytes may raise anything; there is no record then
        return None


def _bytes(part: Planes, start: int, count: int) -> bytes:
    """Bytes out of the lowest bits of (H, W, C), as many as there are from a byte on."""
    height, width, channels = part.shape
    if not channels:
        return b""
    each = height * channels  # bits of a column
    first, last = start * 8 // each, -(-(start + count) * 8 // each)
    columns = part[:, first : min(last, width)].transpose(1, 0, 2)
    bits = np.bitwise_and(columns, 1).ravel()[start * 8 - first * each :]
    return np.packbits(bits[: len(bits) // 8 * 8]).tobytes()[:count]


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        text = unpacker.decompress(body, MAX_TEXT_BYTES)
    except zlib.error:
        return b""
    return text if unpacker.eof else b""


def _plain(value: Any) -> str:
    """NovelAI keeps its JSON as a text inside the JSON."""
    return value if isinstance(value, str) else ""
