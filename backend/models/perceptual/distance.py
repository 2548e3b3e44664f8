"""How different two pictures look: LPIPS where it is installed, else features of the model itself.

Both are of LPIPS' form (Zhang et al. 2018, 1801.03924, eq. 1): features of unit length at each
position, weighted by channel, compared over the levels of a network.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch.nn import functional

from backend.contracts.events import Pixels
from backend.models.parts import Codec

Look = tuple[torch.Tensor, ...]
"""Features of a picture, one (C, h, w) a level, scaled so that `distance` is the metric's."""

_SIDE = 32  # positions a side that are kept of each level of an autoencoder


class Metric(Protocol):
    """A way to look at pictures.

    Attributes:
        name: What the page calls it.
        far: From this distance on, two ends look rather different.
        very_far: From this distance on, they have little in common.
    """

    name: str
    far: float
    very_far: float

    def look(self, image: Pixels) -> Look:
        """Features of (H, W, 3) uint8."""
        ...


class EncoderMetric:
    """LPIPS' form with unit weights over the levels of the autoencoder's encoder.

    Every model brings it along. Measured on Pocket: the same scene drawn anew 0.15-0.3, two
    unrelated scenes 0.5-3, median 1.4.
    """

    name = "LPIPS form over the autoencoder's encoder features, unit weights"
    far, very_far = 0.8, 2.0

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def look(self, image: Pixels) -> Look:
        """Features of (H, W, 3) uint8; one pass of the encoder."""
        found: list[torch.Tensor] = []

        def take(module: Any, inputs: Any, output: torch.Tensor) -> None:
            level = output.float()
            if max(level.shape[-2:]) > _SIDE:
                height, width = (min(_SIDE, side) for side in level.shape[-2:])
                level = functional.adaptive_avg_pool2d(level, (height, width))
            found.append(functional.normalize(level[0], dim=0))

        encoder = self._codec.model.encoder
        blocks: Any = encoder.down_blocks
        hooks = [block.register_forward_hook(take) for block in blocks]
        try:
            self._codec.encode(image[None])
        finally:
            for hook in hooks:
                hook.remove()
        return tuple(found)


def distance(a: Look, b: Look) -> float:
    """Mean over the levels of the mean over positions of |a - b|^2; 0 for the same picture."""
    levels = [(x.float() - y.float()).square().sum(dim=0).mean() for x, y in zip(a, b, strict=True)]
    return float(torch.stack(levels).mean())
