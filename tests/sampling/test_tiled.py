"""Denoising in tiles: what they cover, how they agree, and that one tile changes nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from backend.sampling.tiled import Tile, each, tiled, tiles
from backend.sampling.types import Denoiser, Level


def level(x: torch.Tensor) -> Level:
    return Level.like(x, 2.0, 500.0)


def halving(x: torch.Tensor, at: Level) -> torch.Tensor:
    return x / 2


@pytest.mark.parametrize(("height", "width", "side"), [(10, 37, 16), (64, 64, 16), (33, 20, 0)])
def test_tiles_have_one_size_and_cover_everything(height: int, width: int, side: int) -> None:
    covered = torch.zeros(height, width)
    for tile in tiles(height, width, side, 4):
        part = tile.of(covered)
        assert part.shape == (min(side or height, height), min(side or width, width))
        part += 1
    assert covered.min() >= 1


def test_neighbours_share_at_least_what_is_asked() -> None:
    columns = [tile.columns for tile in tiles(16, 100, 16, 6)]
    assert columns[0].start == 0
    assert columns[-1].stop == 100
    shared = [left.stop - right.start for left, right in pairwise(columns)]
    assert min(shared) >= 6


def test_what_acts_on_each_position_alone_is_the_same_in_tiles() -> None:
    x = torch.randn(2, 3, 30, 41, generator=torch.Generator().manual_seed(1))
    whole = each(30, 41, 12, 4, lambda _: halving)
    torch.testing.assert_close(whole(x, level(x)), x / 2)


def test_a_single_tile_is_the_denoiser_itself() -> None:
    assert each(8, 8, 8, 2, lambda _: halving) is halving
    assert each(8, 8, 0, 2, lambda _: halving) is halving


def test_where_tiles_differ_there_is_a_slope_and_no_step() -> None:
    def saying(value: float) -> Denoiser:
        return lambda x, at: torch.full_like(x, value)

    parts = [(Tile(slice(0, 4), slice(0, 24)), saying(0.0))]
    parts.append((Tile(slice(0, 4), slice(16, 40)), saying(1.0)))
    x = torch.zeros(1, 1, 4, 40)
    row = tiled(parts)(x, level(x))[0, 0, 0]
    assert (row[:16] == 0).all()
    assert (row[24:] == 1).all()
    steps = row.diff()
    assert (steps >= 0).all()
    assert steps.max() < 0.25
