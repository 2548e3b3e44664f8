"""The layers of the priors."""

from __future__ import annotations

import torch

from backend.models.codes.layers import Block, MaskedStack


@torch.no_grad()
def test_the_first_layer_does_not_see_the_cell_itself_and_later_ones_do() -> None:
    torch.manual_seed(0)
    told = torch.zeros(1, 4)
    for first in (True, False):
        layer = MaskedStack(4, 3, first)
        maps = torch.randn(1, 4, 5, 5)
        plain = layer(maps, maps, told)[1]
        other = maps.clone()
        other[:, :, 2, 2] += 1.0
        moved = (layer(other, other, told)[1] - plain).abs().amax(dim=1)[0] > 1e-7
        assert bool(moved[2, 2]) is not first
        assert moved[2, 3]
        assert not moved[:2].any()
        assert not moved[2, :2].any()


@torch.no_grad()
def test_a_block_looks_where_it_may() -> None:
    torch.manual_seed(0)
    block, x = Block(8, 2), torch.randn(1, 4, 8)
    hidden = torch.full((4, 4), float("-inf")).triu(1)
    plain = block(x, hidden)
    other = x.clone()
    other[:, 2] = torch.randn(8)
    moved = (block(other, hidden) - plain).abs().amax(dim=(0, 2)) > 1e-7
    assert moved.tolist() == [False, False, True, True]
