"""Rectangles of pixels."""

from __future__ import annotations

import numpy as np
import pytest

from backend.pictures.boxes import Box, crop


def test_a_crop_is_a_copy_of_what_lies_inside() -> None:
    image = np.arange(6 * 5 * 3, dtype=np.uint8).reshape(6, 5, 3)
    box = Box(1, 2, 4, 6)
    found = crop(image, box)
    assert found.shape == (box.height, box.width, 3) == (4, 3, 3)
    assert np.array_equal(found, image[2:6, 1:4])
    found[:] = 0
    assert image[2:6, 1:4].any()


@pytest.mark.parametrize("sides", [(3, 0, 3, 1), (0, 2, 1, 2), (4, 0, 3, 1)])
def test_an_empty_box_is_none(sides: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="empty box"):
        Box(*sides)
