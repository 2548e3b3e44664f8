from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from backend.contracts.events import Pixels
from backend.contracts.settings import ResizeMode
from backend.pictures.boxes import Box, crop
from backend.pictures.fit import PAD_COLOUR, fit, place


def halves(width: int, height: int) -> Pixels:
    """Left half red, right half blue."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2, 0] = 200
    image[:, width // 2 :, 2] = 200
    return image


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
@pytest.mark.parametrize(("width", "height"), [(64, 64), (128, 64), (64, 200), (333, 57)])
def test_the_size_is_exact(how: ResizeMode, width: int, height: int) -> None:
    assert fit(halves(100, 60), width, height, how).image.shape == (height, width, 3)


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_a_picture_of_the_size_is_copied_bit_for_bit(how: ResizeMode) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    fitted = fit(image, 96, 64, how)
    np.testing.assert_array_equal(fitted.image, image)
    assert not np.shares_memory(fitted.image, image)


def test_stretching_is_lanczos_of_the_whole() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    wanted = np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(fit(image, 64, 64, "stretch").image, wanted)


def test_cropping_keeps_the_middle_and_the_aspect_ratio() -> None:
    fitted = fit(halves(200, 100), 64, 64, "crop")
    assert fitted.placement.source == (50.0, 0.0, 150.0, 100.0)
    assert fitted.placement.target == Box(0, 0, 64, 64)
    np.testing.assert_array_equal(fitted.image[:, :28], halves(64, 64)[:, :28])
    np.testing.assert_array_equal(fitted.image[:, 36:], halves(64, 64)[:, 36:])


def test_a_crop_of_whole_pixels_is_that_crop() -> None:
    image = np.random.default_rng(2).integers(0, 256, (64, 128, 3), np.uint8)
    np.testing.assert_array_equal(fit(image, 64, 64, "crop").image, image[:, 32:96])


def test_padding_keeps_all_and_says_where_it_lies() -> None:
    fitted = fit(halves(200, 100), 64, 64, "pad")
    box = fitted.placement.target
    assert box == Box(0, 16, 64, 48)
    assert (fitted.image[:16] == PAD_COLOUR).all()
    assert (fitted.image[48:] == PAD_COLOUR).all()
    inner = crop(fitted.image, box)
    assert inner[16, 4].tolist() == [200, 0, 0]
    assert inner[16, 60].tolist() == [0, 0, 200]


def test_extreme_pictures_keep_at_least_a_pixel() -> None:
    assert fit(np.zeros((1, 32, 3), np.uint8), 64, 2048, "pad").placement.target.height == 2
    assert fit(np.zeros((1, 640, 3), np.uint8), 64, 64, "pad").placement.target.height == 1


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_another_picture_of_the_size_lands_in_the_same_place(how: ResizeMode) -> None:
    placement = place(100, 60, 64, 64, how)
    np.testing.assert_array_equal(
        placement.apply(halves(100, 60)), fit(halves(100, 60), 64, 64, how).image
    )
    with pytest.raises(ValueError, match="is not"):
        placement.apply(halves(101, 60))


def test_an_empty_box_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="empty box"):
        Box(4, 0, 4, 8)
