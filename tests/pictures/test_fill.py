from __future__ import annotations

import time

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.pictures.fill import fill, outpaint_canvas
from backend.pictures.masks import prepare_mask


def gradient(width: int, height: int) -> np.ndarray:
    """Red rises to the right, green to the bottom."""
    image = np.full((height, width, 3), 60, np.uint8)
    image[:, :, 0] = np.linspace(0, 255, width)[None, :]
    image[:, :, 1] = np.linspace(0, 255, height)[:, None]
    return image


def hole(width: int, height: int, margin: int) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[margin:-margin, margin:-margin] = 1
    return mask


def test_a_hole_takes_the_colours_around_it() -> None:
    image, mask = gradient(128, 128), hole(128, 128, 40)
    spoilt = image.copy()
    spoilt[mask == 1] = (0, 0, 255)
    filled = fill(spoilt, mask)
    np.testing.assert_array_equal(filled[mask == 0], image[mask == 0])
    error = np.abs(filled.astype(int) - image)[mask == 1]
    assert error.mean() < 16
    assert filled[mask == 1][:, 2].max() <= 62  # nothing of what was there shines through


def test_the_filling_is_smooth() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (128, 128, 3), np.uint8)
    filled = fill(image, hole(128, 128, 24)).astype(int)
    assert np.abs(np.diff(filled[56:72, 56:72], axis=1)).mean() < 6
    assert np.abs(np.diff(image.astype(int), axis=1)).mean() > 60


def test_a_flat_picture_stays_flat() -> None:
    image = np.full((96, 64, 3), (10, 120, 250), np.uint8)
    np.testing.assert_array_equal(fill(image, hole(64, 96, 12)), image)


def test_soft_edges_are_blended_and_the_rest_is_untouched() -> None:
    image = gradient(96, 96)
    mask = prepare_mask((hole(96, 96, 40) * 255).astype(np.uint8), (96, 96), blur_px=4)
    filled = fill(image, mask)
    np.testing.assert_array_equal(filled[mask == 0], image[mask == 0])


def test_all_masked_gives_the_mean_colour() -> None:
    image = gradient(64, 64)
    filled = fill(image, np.ones((64, 64), np.float32))
    assert (filled == np.rint(image.mean(axis=(0, 1)))).all()


@pytest.mark.parametrize(("width", "height"), [(65, 33), (8, 8), (200, 3)])
def test_odd_sizes_work(width: int, height: int) -> None:
    mask = np.zeros((height, width), np.float32)
    mask[1:-1, 1:-1] = 1
    assert fill(gradient(width, height), mask).shape == (height, width, 3)


def test_filling_takes_a_moment_only() -> None:
    image, mask = gradient(512, 512), hole(512, 512, 100)
    started = time.process_time()
    fill(image, mask)
    assert time.process_time() - started < 3.0


def test_the_canvas_holds_the_picture_bit_for_bit() -> None:
    image = gradient(64, 48)
    canvas, mask = outpaint_canvas(image, left=16, right=8, top=24, bottom=32)
    assert canvas.shape == (104, 88, 3)
    assert canvas.dtype == mask.dtype == np.uint8
    np.testing.assert_array_equal(canvas[24:72, 16:80], image)
    assert (mask[24:72, 16:80] == 0).all()
    assert (mask == 255).sum() == mask.size - image.shape[0] * image.shape[1]


def test_the_new_part_continues_the_edge_softly() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (64, 64, 3), np.uint8)
    image[:, 32:] //= 4
    canvas = outpaint_canvas(image, left=32, right=32)[0].astype(int)
    left, right = canvas[:, :32], canvas[:, 96:]
    assert abs(left[:, :16].mean() - 127) < 20
    assert abs(right[:, 16:].mean() - 32) < 20
    assert np.abs(np.diff(left, axis=1)).mean() < 5


def test_a_canvas_wider_than_its_picture_works() -> None:
    assert outpaint_canvas(gradient(8, 64), left=512)[0].shape == (64, 520, 3)
    assert outpaint_canvas(gradient(8, 64), left=3)[0].shape == (64, 11, 3)  # models have grids
    assert outpaint_canvas(gradient(64, 64), right=2000)[0].shape == (64, 2064, 3)  # and bounds


@pytest.mark.parametrize(
    ("sides", "said", "field"),
    [
        ({"left": -1}, "cannot grow by -1 px", "outpaint_left"),
        ({"top": -8}, "cannot grow by -8 px", "outpaint_top"),
        ({}, "by how many pixels", None),
    ],
)
def test_bad_sides_are_refused(sides: dict[str, int], said: str, field: str | None) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        outpaint_canvas(gradient(64, 64), **sides)
    assert caught.value.field == field
