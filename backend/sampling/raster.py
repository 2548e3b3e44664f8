"""Codes drawn cell by cell, in raster order: any prior that names the next cell's odds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import torch

Predict: TypeAlias = "Callable[[torch.Tensor, int, int], torch.Tensor]"
"""(codes (B, h, w), row, column) -> (B, K) logits; h and w are the window's at most."""
Cell = tuple[int, int]
"""(row, column)."""


class Choice(NamedTuple):
    """How a code is chosen from its odds.

    Attributes:
        temperature: The logits are divided by it; below 1 the likely gets likelier.
        top_k: Only so many of the likeliest codes can be chosen; 0: all.
    """

    temperature: float = 1.0
    top_k: int = 100


def choose(logits: torch.Tensor, choice: Choice, draw: torch.Tensor) -> torch.Tensor:
    """(B,) codes, by the inverse of the distribution of the likeliest first.

    Args:
        logits: (B, K).
        choice: How.
        draw: (B,) in 0..1; the same number and odds are the same code.
    """
    kept = min(choice.top_k or logits.shape[1], logits.shape[1])
    likeliest, which = torch.topk(logits.double(), kept, dim=1)
    rising = (likeliest / choice.temperature).softmax(dim=1).cumsum(dim=1)
    place = (rising < draw.double()[:, None]).sum(dim=1).clamp_max(kept - 1)
    return which.gather(1, place[:, None])[:, 0]


def window(place: int, side: int, total: int) -> int:
    """Where a window of `side` cells begins that sees a cell: in its middle, but at the edges.

    As VQGAN's transformer draws pictures larger than it has learned (2012.09841, fig. 3).
    """
    return max(0, min(place - side // 2, total - side))


def raster(
    predict: Predict,
    codes: torch.Tensor,
    cells: Sequence[Cell],
    draws: torch.Tensor,
    choice: Choice,
    side: int,
    first: int = 0,
) -> Iterator[tuple[int, torch.Tensor]]:
    """Draws one cell after the other.

    Args:
        predict: The prior.
        codes: (B, h, w) int64; what is drawn is put in the place of what is there.
        cells: Which, in raster order; what lies between is kept.
        draws: (B, h, w) in 0..1, the chance of each cell.
        choice: How a code is chosen.
        side: Of the prior's window, cells.
        first: The number of the cell to begin with.

    Yields:
        (number, codes) after each cell, the codes a tensor of their own.
    """
    height, width = codes.shape[1:]
    for number, (row, column) in enumerate(cells[first:], start=first):
        top, left = window(row, side, height), window(column, side, width)
        seen = codes[:, top : top + side, left : left + side]
        logits = predict(seen, row - top, column - left)
        codes = codes.clone()
        codes[:, row, column] = choose(logits, choice, draws[:, row, column].to(logits.device))
        yield number, codes
