"""The codec of models that work on pixels: latents are the picture itself, in [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from backend.models.autoencoder.uint8 import to_signed, to_uint8


class IdentityCodec:
    """Keeps pixels as they are: factor 1, no deviation; models of one channel draw greys."""

    factor: int = 1

    def __init__(self, channels: int = 3) -> None:
        """`channels`: 3, or 1 for grey."""
        self.latent_channels: int = channels

    @property
    def model(self) -> None:
        """Nothing encodes."""
        return None

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Nothing is held."""
        return {}

    def decode(
        self, latents: torch.Tensor, check: Callable[[], None] | None = None
    ) -> NDArray[np.uint8]:
        """(B, C, H, W) -> (B, H, W, 3) uint8."""
        if check is not None:
            check()
        return to_uint8(self.pixels(latents))

    def encode(
        self,
        images: NDArray[np.uint8],
        check: Callable[[], None] | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W, 3) -> the same as (B, C, H, W), and zeros; grey is the mean of the colours."""
        if check is not None:
            check()
        mean = to_signed(images, hidden)
        if self.latent_channels == 1:
            mean = mean.mean(dim=1, keepdim=True)
        return mean, torch.zeros_like(mean)

    def pixels(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float32, as they are."""
        return latents.float().expand(-1, 3, -1, -1)
