"""A map over the picture: nothing is dark and grey, most is bright."""

from __future__ import annotations

import numpy as np

from backend.pictures.heat import heat_map

PICTURE = np.full((32, 48, 3), (200, 40, 40), np.uint8)


def test_it_has_the_pictures_size_and_is_brightest_where_most_happens() -> None:
    heat = np.zeros((4, 6), np.float32)
    heat[1, 4] = 2.0
    shown = heat_map(PICTURE, heat, 2.0)
    assert shown.shape == PICTURE.shape
    assert shown.dtype == np.uint8
    light = shown.sum(axis=-1)
    y, x = np.unravel_index(int(light.argmax()), light.shape)
    assert (y // 8, x // 8) == (1, 4)


def test_where_nothing_happens_at_all_it_is_grey_and_even() -> None:
    shown = heat_map(PICTURE, np.zeros((4, 6), np.float32), 0.0)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 1
    other = heat_map(PICTURE, np.zeros((4, 6), np.float32), 5.0)
    assert np.array_equal(shown, other)


def test_heat_above_the_most_is_shown_as_the_most() -> None:
    once = heat_map(PICTURE, np.full((4, 6), 1.0, np.float32), 1.0)
    twice = heat_map(PICTURE, np.full((4, 6), 2.0, np.float32), 1.0)
    assert np.array_equal(once, twice)
