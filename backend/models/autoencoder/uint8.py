"""From a decoder's numbers to pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray


def to_uint8(images: torch.Tensor) -> NDArray[np.uint8]:
    """(B, 3, H, W) in [-1, 1] -> (B, H, W, 3) uint8, clamped, rounded half to even."""
    return to_bytes(images).cpu().numpy()


def to_bytes(images: torch.Tensor) -> torch.Tensor:
    """The same on the device of the pictures."""
    pixels = ((images * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
    return pixels.permute(0, 2, 3, 1)


def to_signed(images: NDArray[np.uint8], hidden: NDArray[np.bool_] | None = None) -> torch.Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32 in [-1, 1]; what is hidden becomes exactly 0."""
    x = torch.tensor(images).permute(0, 3, 1, 2).float() / 255.0
    x = x * 2.0 - 1.0
    return x if hidden is None else x.masked_fill(torch.tensor(hidden)[:, None], 0.0)
