from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from backend.contracts.errors import BadInput
from backend.pictures.boxes import Box, crop
from backend.pictures.fit import place
from backend.pictures.masks import (
    Mask,
    blur_extent_px,
    composite,
    latent_mask,
    only_masked_region,
    paste_back,
    prepare_mask,
)


def painted(width: int, height: int, box: Box) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[box.top : box.bottom, box.left : box.right] = 255
    return mask


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


SQUARE = painted(128, 96, Box(40, 30, 80, 60))


def test_without_blur_the_mask_is_the_paint() -> None:
    mask = prepare_mask(SQUARE, (128, 96), blur_px=0)
    assert mask.dtype == np.float32
    np.testing.assert_array_equal(mask, SQUARE / 255)


def test_colour_and_grey_masks_say_the_same() -> None:
    colour = np.repeat(SQUARE[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(prepare_mask(colour, (128, 96)), prepare_mask(SQUARE, (128, 96)))


def test_inverting_swaps_the_parts() -> None:
    mask = prepare_mask(SQUARE, (128, 96), invert=True, blur_px=0)
    np.testing.assert_array_equal(mask, 1 - SQUARE / 255)


@pytest.mark.parametrize("blur_px", [1, 4, 12])
def test_the_blur_is_a_gaussian_cut_off_at_its_extent(blur_px: int) -> None:
    mask = prepare_mask(painted(256, 64, Box(128, 0, 256, 64)), (256, 64), blur_px=blur_px)
    extent = blur_extent_px(blur_px)
    row = mask[32]
    assert (row[: 128 - extent] == 0).all()
    assert row[128 - extent] > 0
    assert np.allclose(row[128 + extent :], 1, atol=1e-6)
    assert (np.diff(row) >= -1e-6).all()
    assert abs(row[127] + row[128] - 1) < 1e-5
    wanted = (1 + math.erf((blur_px + 0.5) / blur_px / math.sqrt(2))) / 2
    assert row[128 + blur_px] == pytest.approx(wanted, abs=0.02)


def test_blur_four_reaches_ten_pixels() -> None:
    assert blur_extent_px(4) == 10


@pytest.mark.parametrize("size", [(96, 128), (128, 90), (512, 512)])
def test_a_mask_of_another_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match=r"128 x 96 px and the picture .* px") as caught:
        prepare_mask(SQUARE, size)
    assert caught.value.field == "mask"


def test_a_mask_of_the_same_aspect_ratio_is_scaled() -> None:
    mask = prepare_mask(SQUARE, (256, 192), blur_px=0)
    assert mask.shape == (192, 256)
    assert mask[90, 120] == 1
    assert mask[20, 20] == 0
    assert prepare_mask(SQUARE, (85, 64)).shape == (64, 85)


@pytest.mark.parametrize("grey", [0, 127])
def test_an_empty_mask_is_refused(grey: int) -> None:
    with pytest.raises(BadInput, match="nothing to repaint"):
        prepare_mask(np.full((64, 64), grey, np.uint8), (64, 64))


def test_an_inverted_full_mask_is_empty() -> None:
    with pytest.raises(BadInput, match="nothing to repaint"):
        prepare_mask(np.full((64, 64), 255, np.uint8), (64, 64), invert=True)


def test_the_mask_follows_its_picture_through_cropping() -> None:
    mask = prepare_mask(
        painted(200, 100, Box(50, 0, 100, 100)),
        (200, 100),
        blur_px=0,
        placement=place(200, 100, 64, 64, "crop"),
    )
    assert mask.shape == (64, 64)
    assert (mask[:, 2:28] == 1).all()  # antialiasing looks a pixel beyond the cut
    assert (mask[:, 36:] == 0).all()


def test_what_padding_adds_is_kept_even_when_inverted() -> None:
    placement = place(200, 100, 64, 64, "pad")
    mask = prepare_mask(
        painted(200, 100, Box(0, 0, 100, 100)),
        (200, 100),
        invert=True,
        blur_px=0,
        placement=placement,
    )
    assert (mask[:16] == 0).all()
    assert (mask[48:] == 0).all()
    assert (mask[20:44, 36:] == 1).all()


def test_a_mask_cropped_away_is_refused() -> None:
    with pytest.raises(BadInput, match="nothing to repaint"):
        prepare_mask(
            painted(200, 100, Box(0, 0, 20, 100)),
            (200, 100),
            placement=place(200, 100, 64, 64, "crop"),
        )


def test_the_latent_mask_is_that_of_diffusers() -> None:
    mask = np.random.default_rng(3).random((64, 96)).astype(np.float32)
    binary = torch.from_numpy((mask >= 0.5).astype(np.float32))
    wanted = torch.nn.functional.interpolate(binary[None, None], size=(8, 12))[0, 0].numpy()
    np.testing.assert_array_equal(latent_mask(mask, 8), wanted)
    assert latent_mask(mask, 8).dtype == np.float32


def test_a_mask_too_thin_for_the_latents_is_refused() -> None:
    thin = prepare_mask(painted(64, 64, Box(3, 0, 6, 64)), (64, 64), blur_px=0)
    with pytest.raises(BadInput, match="too thin"):
        latent_mask(thin, 8)


def region(box: Box, size: tuple[int, int], padding: int, target: tuple[int, int]) -> Box:
    mask = painted(*size, box).astype(np.float32) / 255
    return only_masked_region(mask, padding, *target)


@pytest.mark.parametrize(
    ("box", "padding", "target", "wanted"),
    [
        (Box(100, 100, 120, 120), 32, (256, 256), Box(68, 68, 152, 152)),
        (Box(100, 100, 120, 120), 0, (256, 256), Box(100, 100, 120, 120)),
        (Box(100, 100, 160, 120), 0, (256, 256), Box(100, 80, 160, 140)),  # grown in height
        (Box(100, 100, 120, 120), 0, (512, 256), Box(90, 100, 130, 120)),  # grown in width
        (Box(0, 0, 20, 40), 0, (256, 256), Box(0, 0, 40, 40)),  # shifted into the picture
        (Box(236, 216, 256, 256), 0, (256, 256), Box(216, 216, 256, 256)),
        (Box(0, 0, 256, 256), 32, (256, 256), Box(0, 0, 256, 256)),
        (Box(0, 100, 256, 120), 0, (128, 256), Box(0, 0, 256, 256)),  # as near as it allows
    ],
)
def test_the_region(box: Box, padding: int, target: tuple[int, int], wanted: Box) -> None:
    assert region(box, (256, 256), padding, target) == wanted


def test_any_region_covers_the_mask_and_has_the_aspect_ratio_of_its_picture() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        left, right = np.sort(rng.choice(321, 2, replace=False)).tolist()
        top, bottom = np.sort(rng.choice(193, 2, replace=False)).tolist()
        found = region(Box(left, top, right, bottom), (320, 192), int(rng.integers(64)), (320, 192))
        assert 0 <= found.left <= left < right <= found.right <= 320
        assert 0 <= found.top <= top < bottom <= found.bottom <= 192
        assert abs(found.width * 192 - found.height * 320) <= 320


def test_no_region_without_a_mask() -> None:
    with pytest.raises(BadInput, match="nothing to repaint"):
        only_masked_region(np.zeros((64, 64), np.float32), 32, 64, 64)


def test_outside_mask_and_blur_the_result_is_bit_equal() -> None:
    original, new = noise(128, 96), noise(128, 96, seed=1)
    mask: Mask = prepare_mask(SQUARE, (128, 96), blur_px=4)
    result = composite(original, new, mask)
    reach = blur_extent_px(4)
    outside = np.ones((96, 128), bool)
    outside[30 - reach : 60 + reach, 40 - reach : 80 + reach] = False
    np.testing.assert_array_equal(result[outside], original[outside])
    inside = mask == 1
    assert inside.any()
    np.testing.assert_array_equal(result[inside], new[inside])
    assert (result[~outside] != original[~outside]).mean() > 0.8


def test_half_a_mask_mixes_half_and_half() -> None:
    base, new = np.full((2, 2, 3), 10, np.uint8), np.full((2, 2, 3), 30, np.uint8)
    assert (composite(base, new, np.full((2, 2), 0.5, np.float32)) == 20).all()


def test_pictures_of_different_sizes_are_not_composited() -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        composite(noise(8, 8), noise(8, 9), np.ones((8, 8), np.float32))


def test_pasting_back_changes_only_the_masked_part_of_the_region() -> None:
    original = noise(128, 96)
    mask = prepare_mask(SQUARE, (128, 96), blur_px=4)
    box = only_masked_region(mask, 8, 128, 96)
    result = paste_back(original, np.full((192, 256, 3), 77, np.uint8), box, mask)
    np.testing.assert_array_equal(result[mask == 0], original[mask == 0])
    assert (result[mask == 1] == 77).all()
    same = paste_back(original, crop(original, box), box, mask)
    np.testing.assert_array_equal(same, original)
