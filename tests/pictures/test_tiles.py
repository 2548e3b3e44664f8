"""Tiles: where they lie, and that their seams cannot be seen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.pictures import tiles
from backend.pictures.tiles import Enlarged, count, cuts, in_tiles, overlap

SIDES = st.integers(1, 700)


@given(SIDES, st.integers(64, 300))
def test_they_cover_the_side_and_overlap_alike(length: int, tile: int) -> None:
    found = cuts(length, tile)
    assert found[0][0] == 0
    assert found[-1][1] == length
    assert all(stop - start <= tile for start, stop in found)
    for (_, stop), (start, end) in itertools.pairwise(found):
        assert stop - start == overlap(tile)
        assert end > stop


def doubled(tile: np.ndarray) -> Enlarged:
    return (tile.repeat(2, 0).repeat(2, 1) / np.float32(255.0)).astype(np.float32)


@pytest.mark.parametrize("size", [(64, 64), (65, 200), (300, 129)])
def test_what_looks_at_one_pixel_alone_has_no_seam(size: tuple[int, int]) -> None:
    source = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    calls: list[tuple[int, ...]] = []

    def enlarge(tile: np.ndarray) -> Enlarged:
        calls.append(tile.shape)
        return doubled(tile)

    made = in_tiles(source, 2, enlarge, 64)
    assert (made == source.repeat(2, 0).repeat(2, 1)).all()
    assert len(calls) == count(size[1], size[0], 64)


def test_between_two_tiles_that_differ_there_is_no_step() -> None:
    made_up = iter([0.0, 0.5])

    def enlarge(tile: np.ndarray) -> Enlarged:
        return np.full(tile.shape, next(made_up), np.float32)

    made = in_tiles(np.zeros((40, 100, 3), np.uint8), 1, enlarge, 64)
    steps = np.diff(made[0, :, 0].astype(int))
    assert (made[:, 0] == 0).all()
    assert (made[:, -1] == 128).all()
    assert (steps >= 0).all()
    assert steps.max() <= 16, "spread over half of the overlap, 8 px"


def test_zero_takes_the_picture_at_once() -> None:
    assert cuts(500, 0) == ((0, 500),)
    assert count(500, 300, 0) == 1
    assert tiles.rounded(np.array([-0.1, 0.5, 1.2], np.float32)).tolist() == [0, 128, 255]
