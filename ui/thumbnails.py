"""Small pictures for the history drawer."""

from __future__ import annotations

import functools
import io
from pathlib import Path

from PIL import Image

SIDE_PX = 144


def thumbnail(path: Path) -> bytes:
    """JPEG of a saved picture, no side longer than `SIDE_PX`; empty where it cannot be read."""
    try:
        return _made(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return b""


@functools.lru_cache(maxsize=512)
def _made(path: Path, mtime_ns: int) -> bytes:
    with Image.open(path) as image:
        small = image.convert("RGB")
    small.thumbnail((SIDE_PX, SIDE_PX))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=80)
    return stream.getvalue()
