"""A larger picture is brought back to the small one."""

from __future__ import annotations

import cv2
import numpy as np

from backend.pictures.back_projection import back_projected

RNG = np.random.default_rng(0)
SMALL = cv2.GaussianBlur(RNG.integers(0, 256, (16, 24, 3), dtype=np.uint8), (0, 0), 2)
LARGE = cv2.resize(SMALL, (96, 64), interpolation=cv2.INTER_CUBIC)


def reduced(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (24, 16), interpolation=cv2.INTER_AREA).astype(int)


def test_a_shift_of_colour_is_taken_back() -> None:
    shifted = np.clip(LARGE.astype(int) + np.array([12, -9, 5]), 0, 255).astype(np.uint8)
    made = back_projected(shifted, SMALL)
    before, after = (np.abs(reduced(each) - SMALL).mean() for each in (shifted, made))
    assert (made.shape, made.dtype) == (LARGE.shape, np.uint8)
    assert after < 0.2 * before


def test_what_is_finer_than_the_small_picture_stays() -> None:
    fine = np.zeros((64, 96, 1), dtype=int)
    fine[::2], fine[1::2] = 20, -20  # nothing of it is left once it is reduced
    made = back_projected(np.clip(LARGE.astype(int) + fine, 0, 255).astype(np.uint8), SMALL)
    step = made[0::2].astype(int) - made[1::2]
    assert 35 < np.median(step) < 45


def test_the_same_size_is_the_small_picture_itself() -> None:
    assert np.array_equal(back_projected(255 - SMALL, SMALL), SMALL)
