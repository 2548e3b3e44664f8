"""A sketch over a picture: its colours where it covers, the picture bit for bit elsewhere."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.pictures.budget import Budget
from backend.pictures.sketches import laid_over, read_sketch, where


def file(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def strokes(height: int = 40, width: int = 60, alpha: int = 255) -> np.ndarray:
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[: height // 2] = (200, 40, 20, alpha)
    return pixels


PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_it_covers_where_it_is_and_nothing_else_changes() -> None:
    mixed = laid_over(PICTURE, read_sketch(file(strokes()), "image"))
    assert (mixed[:20] == (200, 40, 20)).all()
    np.testing.assert_array_equal(mixed[20:], PICTURE[20:])


def test_a_translucent_stroke_lets_the_picture_through() -> None:
    mixed = laid_over(PICTURE, strokes(alpha=51))
    expected = 0.8 * PICTURE[:20].astype(float) + 0.2 * np.array([200, 40, 20])
    np.testing.assert_allclose(mixed[:20], expected, atol=0.51)


def test_at_another_size_it_has_no_dark_seam() -> None:
    picture = np.full((400, 600, 3), 255, np.uint8)
    mixed = laid_over(picture, strokes())
    assert mixed.shape == picture.shape
    assert (mixed[:190] == (200, 40, 20)).all()
    assert (mixed[215:] == 255).all()
    assert (mixed[190:215, :, 0] >= 200).all()  # between the two, not darker than both


def test_what_is_sketched_at_all_is_where_it_is() -> None:
    mask = where(strokes(alpha=3), (60, 40))
    assert mask.shape == (40, 60, 3)
    assert (mask[:20] == 255).all()
    assert (mask[20:] == 0).all()
    assert where(strokes(), (120, 80)).shape == (80, 120, 3)


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(BadInput, match="not a picture"):
        read_sketch(b"colours", "image")
    with pytest.raises(BadInput):
        read_sketch(file(strokes()), "image", Budget(100))
