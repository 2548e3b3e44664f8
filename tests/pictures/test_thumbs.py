"""Small pictures."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.pictures.thumbs import small_jpeg


def test_the_longer_side_is_bounded() -> None:
    stream = io.BytesIO()
    Image.new("RGBA", (400, 100), (9, 9, 9, 0)).save(stream, "PNG")
    with Image.open(io.BytesIO(small_jpeg(stream.getvalue(), 64))) as small:
        assert (small.format, small.size) == ("JPEG", (64, 16))


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(BadInput):
        small_jpeg(b"no picture", 64)
