"""How different two pictures look, in features that every model brings along.

LPIPS (Zhang et al. 2018, 1801.03924, eq. 1) with unit weights, over the levels of the autoencoder's
encoder in the place of a classifier's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from backend.events import Pixels
from backend.models.vae import Vae

NAME = "LPIPS form over the autoencoder's encoder features, unit weights"
_SIDE = 32  # positions a side that are kept of each level

Look = tuple[torch.Tensor, ...]
"""Features of a picture: one (C, h, w) float32 a level, of unit length at each position."""


def look(vae: Vae, image: Pixels) -> Look:
    """Features of (H, W, 3) uint8; one pass of the encoder."""
    found: list[torch.Tensor] = []

    def take(module: Any, inputs: Any, output: torch.Tensor) -> None:
        level = output.float()
        if max(level.shape[-2:]) > _SIDE:
            height, width = (min(_SIDE, side) for side in level.shape[-2:])
            level = functional.adaptive_avg_pool2d(level, (height, width))
        found.append(functional.normalize(level[0], dim=0))

    encoder = vae.model.encoder
    blocks: Any = encoder.down_blocks
    hooks = [block.register_forward_hook(take) for block in blocks]
    try:
        vae.encode(image[None])
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(found)


def distance(a: Look, b: Look) -> float:
    """Mean over the levels of the mean over positions of |a - b|^2; 0 for the same picture."""
    levels = [(x - y).square().sum(dim=0).mean() for x, y in zip(a, b, strict=True)]
    return float(torch.stack(levels).mean())
