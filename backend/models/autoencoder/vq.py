"""Autoencoder with a codebook (VQGAN, 2012.09841): latents to pixels and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.vq_model import VQModel
from numpy.typing import NDArray
from torch import nn

from backend.contracts.errors import BadInput, NumericalProblem
from backend.models.autoencoder import tiling
from backend.models.autoencoder.tiling import decode_bytes
from backend.models.autoencoder.uint8 import to_signed, to_uint8
from backend.models.memory.block_offload import bring, device_of
from backend.models.patches import PatchStack
from backend.models.tensors import rows
from backend.sampling.tiled import hill, tiles


class Vq:
    """A `VQModel` in the latent scale of the UNet; latents are looked up in the codebook last.

    Pictures are processed one at a time, as `Vae` does.
    """

    def __init__(
        self,
        model: VQModel,
        scaling_factor: float | None = None,
        patches: PatchStack | None = None,
    ) -> None:
        """Wraps `model`, which is in evaluation mode.

        Args:
            model: The autoencoder.
            scaling_factor: Latents of the UNet are that much larger; None: as its config says.
            patches: Of the model that it is a part of; None where it stands alone.
        """
        self.model = model
        self.patches = patches or PatchStack()
        config = model.config
        self.factor: int = 2 ** (len(config["block_out_channels"]) - 1)
        self.latent_channels: int = config["vq_embed_dim"] or config["latent_channels"]
        self.scaling_factor: float = (
            config["scaling_factor"] if scaling_factor is None else scaling_factor
        )

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """What it holds in memory, by name."""
        return {"vqvae": self.model}

    @torch.no_grad()
    def decode(
        self, latents: torch.Tensor, check: Callable[[], None] | None = None
    ) -> NDArray[np.uint8]:
        """(B, C, h, w) -> (B, factor h, factor w, 3) uint8.

        Args:
            latents: x0 in the UNet's latent scale.
            check: Called before each picture; raises to stop.

        Raises:
            NumericalProblem: Not finite.
        """
        made: list[NDArray[np.uint8]] = []
        for row in rows(latents):
            if check is not None:
                check()
            image = self._thrifty(row)
            if not bool(torch.isfinite(image).all()):
                raise NumericalProblem(
                    "The picture came out as not-a-number; try dtype float32, or check the "
                    "model's files."
                )
            made.append(to_uint8(image))
        return np.concatenate(made)

    @torch.no_grad()
    def encode(
        self,
        images: NDArray[np.uint8],
        check: Callable[[], None] | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W, 3) -> latents before the codebook, (B, C, h, w) float32, and zeros.

        Raises:
            BadInput: A side is not a multiple of `factor`.
        """
        height, width = images.shape[1:3]
        if height % self.factor or width % self.factor:
            raise BadInput(
                f"A picture of {width}x{height} px cannot be encoded; both sides must be "
                f"multiples of {self.factor}."
            )
        found: list[torch.Tensor] = []
        model: Any = self.model
        for row in rows(to_signed(images, hidden)):
            if check is not None:
                check()
            bring(self.patches, self.model)
            x = row.to(device_of(self.patches, self.model), model.dtype)
            found.append(model.encode(x, return_dict=False)[0].float())
        mean = torch.cat(found) * self.scaling_factor
        return mean, torch.zeros_like(mean)

    def pixels(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, 3, H, W) float32, about in [-1, 1]."""
        model: Any = self.model
        z = latents.to(device_of(self.patches, self.model)).float() / self.scaling_factor
        bring(self.patches, self.model)
        return model.decode(z.to(model.dtype), return_dict=False)[0].float()

    def _thrifty(self, latent: torch.Tensor) -> torch.Tensor:
        """One picture: whole where that fits into what is free, else in tiles."""
        height, width = (side * self.factor for side in latent.shape[2:])
        model: Any = self.model
        need = decode_bytes(
            height * width, model.config["block_out_channels"][0], model.dtype.itemsize
        )
        return tiling.with_tiles(
            lambda: self.pixels(latent),
            lambda side_px: self._in_tiles(latent, side_px),
            need,
            (height, width),
            device_of(self.patches, self.model),
        )

    def _in_tiles(self, latent: torch.Tensor, side_px: int) -> torch.Tensor:
        """Tiles with a quarter of overlap, blended."""
        side, scale = side_px // self.factor, self.factor
        height, width = latent.shape[2:]
        made = torch.zeros(1, 3, height * scale, width * scale)
        weights = torch.zeros(1, 1, height * scale, width * scale)
        for tile in tiles(height, width, side, side // 4):
            part = self.pixels(tile.of(latent)).cpu()
            weight = hill(part)
            tile.scaled(scale).of(made).add_(part * weight)
            tile.scaled(scale).of(weights).add_(weight)
        return made / weights
