"""How far two pictures are apart."""

from __future__ import annotations

import numpy as np
import pytest

from backend.pictures.difference import difference, psnr


def test_equal_pictures_do_not_differ() -> None:
    image = np.full((4, 4, 3), 7, np.uint8)
    found = difference(image, image.copy())
    assert found.equal
    assert (found.largest, found.equal_share) == (0, 1.0)
    assert psnr(image, image.copy()) == 99.0


def test_a_pixel_differs_by_its_worst_channel_either_way() -> None:
    a = np.zeros((2, 2, 3), np.uint8)
    b = a.copy()
    b[0, 0] = (1, 255, 0)
    for found in (difference(a, b), difference(b, a)):
        assert not found.equal
        assert (found.largest, found.equal_share) == (255, 0.75)


def test_psnr_is_that_of_the_mean_square() -> None:
    a = np.zeros((8, 8, 3), np.uint8)
    assert psnr(a, a + np.uint8(1)) == 48.13  # 20 log10 255
    assert psnr(a, a + np.uint8(255)) == 0.0


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="no common pixels"):
        difference(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8))
