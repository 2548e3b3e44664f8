"""Latents as the rows of tokens that transformers read, a token for each square of positions."""

from __future__ import annotations

import torch
from torch.nn import functional


def packed(x: torch.Tensor, side: int) -> torch.Tensor:
    """(B, C, h, w) -> (B, h w / side^2, C side^2), the channels of a token outermost."""
    return functional.pixel_unshuffle(x, side).flatten(2).transpose(1, 2)


def unpacked(tokens: torch.Tensor, side: int, height: int, width: int) -> torch.Tensor:
    """The inverse of `packed`, for so many tokens down and across."""
    squares = tokens.transpose(1, 2).reshape(len(tokens), -1, height, width)
    return functional.pixel_shuffle(squares, side)


def places(height: int, width: int, device: torch.device) -> torch.Tensor:
    """(height width, 3): 0, row and column of each token, as Flux.1's are told."""
    rows = torch.arange(height, device=device).repeat_interleave(width)
    columns = torch.arange(width, device=device).repeat(height)
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=1)
