"""A large x denoised in overlapping tiles, their x0 blended at each step (2302.08113, eq. 5).

One run has one x: seams cannot grow, since the tiles agree on the x0 that every step goes on from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from backend.sampling.types import Denoiser, Level


class Tile(NamedTuple):
    """A part of x.

    Attributes:
        rows: Of its positions.
        columns: Likewise.
    """

    rows: slice
    columns: slice

    def of(self, x: torch.Tensor) -> torch.Tensor:
        """(..., H, W) -> (..., h, w), the same memory."""
        return x[..., self.rows, self.columns]

    def scaled(self, times: int) -> Tile:
        """The same part of an x whose sides are that many times as long."""
        down, across = (
            slice(part.start * times, part.stop * times) for part in (self.rows, self.columns)
        )
        return Tile(down, across)


def tiles(height: int, width: int, side: int, shared: int) -> tuple[Tile, ...]:
    """Tiles of one size that cover x, row by row.

    Args:
        height: Of x, positions.
        width: Likewise.
        side: Of a tile; 0 is all of x at once.
        shared: How far neighbours reach into each other at least.
    """
    return tuple(
        Tile(slice(*down), slice(*across))
        for down in _windows(height, side, shared)
        for across in _windows(width, side, shared)
    )


def tiled(parts: Sequence[tuple[Tile, Denoiser]]) -> Denoiser:
    """One denoiser of several, each of which sees its tile alone.

    Args:
        parts: Tiles that cover x; where they overlap, the nearer a tile's own edge, the less it
            counts.
    """

    def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
        total: torch.Tensor | None = None
        weights = torch.zeros_like(x[:1, :1], dtype=torch.float32)
        for tile, denoiser in parts:
            x0 = denoiser(tile.of(x), level)
            weight = hill(x0)
            if total is None:
                total = torch.zeros_like(x, dtype=x0.dtype)
            tile.of(total).add_(x0 * weight.to(x0.dtype))
            tile.of(weights).add_(weight)
        assert total is not None, "no tiles"
        return total / weights.to(total.dtype)

    return denoise


def each(
    height: int, width: int, side: int, shared: int, make: Callable[[Tile], Denoiser]
) -> Denoiser:
    """A denoiser for all of x: one of its own for each tile; a single tile is that one itself."""
    found = tiles(height, width, side, shared)
    made = [(tile, make(tile)) for tile in found]
    return made[0][1] if len(made) == 1 else tiled(made)


def _windows(length: int, side: int, shared: int) -> list[tuple[int, int]]:
    """Begin and end of pieces of one length, laid evenly."""
    if not 0 < side < length:
        return [(0, length)]
    stride = max(1, side - shared)
    count = -(-(length - side) // stride) + 1
    return [
        (begin, begin + side)
        for begin in (round(i * (length - side) / (count - 1)) for i in range(count))
    ]


def hill(x: torch.Tensor) -> torch.Tensor:
    """(1, 1, h, w) float32: 1 in the middle, falling towards the edges, nowhere 0."""
    height, width = x.shape[-2:]
    down, across = (_ramp(length, x.device) for length in (height, width))
    return (down[:, None] * across[None, :])[None, None]


def _ramp(length: int, device: torch.device) -> torch.Tensor:
    along = torch.arange(length, dtype=torch.float32, device=device) + 0.5
    return (torch.minimum(along, length - along) * 4 / length).clamp(max=1.0)
