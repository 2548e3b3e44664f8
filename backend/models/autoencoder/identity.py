"""The codec of models that work on pixels: latents are the picture itself, in [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from backend.models.autoencoder.uint8 import to_signed, to_uint8


class IdentityCodec:
    """Keeps pixels as they are: factor 1, three channels, no deviation."""

    factor: int = 1
    latent_channels: int = 3

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
        """(B, 3, H, W) -> (B, H, W, 3) uint8."""
        if check is not None:
            check()
        return to_uint8(latents.float())

    def encode(
        self,
        images: NDArray[np.uint8],
        check: Callable[[], None] | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W, 3) -> the same as (B, 3, H, W), and zeros."""
        if check is not None:
            check()
        mean = to_signed(images, hidden)
        return mean, torch.zeros_like(mean)

    def pixels(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float32, as they are."""
        return latents.float()
