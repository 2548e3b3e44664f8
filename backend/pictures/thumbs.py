"""Small pictures of pictures."""

from __future__ import annotations

import io

from backend.pictures.opening import opened


def small_jpeg(data: bytes, px: int) -> bytes:
    """A JPEG of a PNG, JPEG or WebP whose longer side is at most `px`.

    Raises:
        BadInput: It is no such picture, or too large.
    """
    with opened(data) as image:
        image.thumbnail((px, px))
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "jpeg", quality=85)
    return buffer.getvalue()
