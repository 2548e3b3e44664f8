"""Autoencoder: latents to pixels and back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from numpy.typing import NDArray
from torch import nn

from backend.contracts.errors import BadInput, NumericalProblem
from backend.models.autoencoder import tiling
from backend.models.autoencoder.shape import shape_of
from backend.models.autoencoder.tiling import decode_bytes
from backend.models.autoencoder.uint8 import to_signed, to_uint8
from backend.models.memory import memory_pressure
from backend.models.memory.block_offload import bring, device_of
from backend.models.patches import PatchStack
from backend.models.tensors import rows


class Vae:
    """An AutoencoderKL in the latent scale of the UNet.

    Pictures are processed one at a time: the result of one never depends on its batch, and the
    memory peak is that of a single picture.
    """

    def __init__(
        self,
        model: AutoencoderKL,
        scaling_factor: float | None = None,
        shift_factor: float | None = None,
        patches: PatchStack | None = None,
    ) -> None:
        """Wraps `model`, which is in evaluation mode.

        Args:
            model: The autoencoder.
            scaling_factor: Latents of the UNet are that much larger; None: as its config says.
            shift_factor: Taken off before; None: as its config says.
            patches: Of the model that it is a part of; None where it stands alone.
        """
        self.model = model
        self.patches = patches or PatchStack()
        config = model.config
        shape = shape_of(config)
        self.factor, self.latent_channels, self.width = shape.factor, shape.channels, shape.width
        own_shift = config.get("shift_factor") or 0.0
        self.scaling_factor: float = (
            config.get("scaling_factor", 1.0) if scaling_factor is None else scaling_factor
        )
        self.shift_factor: float = own_shift if shift_factor is None else shift_factor

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """What it holds in memory, by name."""
        return {"vae": self.model}

    def decode(
        self, latents: torch.Tensor, check: Callable[[], None] | None = None
    ) -> NDArray[np.uint8]:
        """Decodes to pixels, rounded as diffusers' VaeImageProcessor does.

        Args:
            latents: (B, C, h, w) x0 in the UNet's latent scale.
            check: Called before each picture; raises to stop.

        Returns:
            (B, factor h, factor w, 3) uint8 RGB.

        Raises:
            NumericalProblem: Not finite, even after one more try in float32.
        """
        return to_uint8(self._each(latents, check, self._decode_checked))

    @torch.no_grad()
    def _decode_checked(self, latent: torch.Tensor) -> torch.Tensor:
        image = self._thrifty(self.model, latent)
        if bool(torch.isfinite(image).all()):
            return image
        # float16 overflows in some decoders (SDXL's is known for it). The shared weights are
        # left alone: a copy is converted, used and dropped.
        if bool(torch.isfinite(latent).all()) and self.model.dtype != torch.float32:
            memory_pressure.current().tell(
                "The picture was decoded in float32, since half precision gave not-a-number."
            )
            image = self._thrifty(_in_float32(self.model), latent)
            if bool(torch.isfinite(image).all()):
                return image
        raise NumericalProblem(
            "The picture came out as not-a-number, also in float32; lower the guidance, take "
            "another sampler, or check the model's files."
        )

    def _thrifty(self, model: AutoencoderKL, latent: torch.Tensor) -> torch.Tensor:
        """One picture: whole where that fits into what is free, else in tiles."""
        height, width = (side * self.factor for side in latent.shape[2:])
        need = decode_bytes(height * width, self.width, model.dtype.itemsize)

        def in_tiles(side_px: int) -> torch.Tensor:
            return self._pixels_with(model, latent, side_px)

        return tiling.with_tiles(
            lambda: self._pixels_with(model, latent),
            in_tiles,
            need,
            (height, width),
            device_of(self.patches, model),
        )

    def pixels(self, latents: torch.Tensor) -> torch.Tensor:
        """The decoder itself, differentiable: (B, C, h, w) -> (B, 3, H, W) float32.

        Values lie about in [-1, 1] and are not clamped.
        """
        return self._pixels_with(self.model, latents)

    def _pixels_with(
        self, model: AutoencoderKL, latents: torch.Tensor, tile_px: int | None = None
    ) -> torch.Tensor:
        z = self._entered(latents.to(device_of(self.patches, model)).float())
        z = cast("torch.FloatTensor", z.to(model.dtype))
        bring(self.patches, model)
        own: Any = model  # whose calls return a tuple or an object
        if tile_px is None:
            return self._picture(own.decode(z, return_dict=False)[0]).float()
        with tiling.tiles(model, tile_px, own_factor(model)):
            return self._picture(own.tiled_decode(z, return_dict=False)[0]).float()

    def _entered(self, latents: torch.Tensor) -> torch.Tensor:
        """What the decoder is given, of latents in the network's scale."""
        return latents / self.scaling_factor + self.shift_factor

    def _left(self, mean: torch.Tensor, std: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The encoder's posterior in the network's scale."""
        return (mean - self.shift_factor) * self.scaling_factor, std * self.scaling_factor

    def _picture(self, decoded: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) of what the decoder made."""
        return decoded

    def _shown(self, image: torch.Tensor) -> torch.Tensor:
        """What the encoder is given, of (B, 3, H, W)."""
        return image

    @torch.no_grad()
    def encode(
        self,
        images: NDArray[np.uint8],
        check: Callable[[], None] | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The posterior over latents of pictures; a sample is mean + std * noise.

        Args:
            images: (B, H, W, 3) uint8 RGB; H and W multiples of `factor`.
            check: Called before each picture; raises to stop.
            hidden: (B, H, W), what the encoder shall not see: it becomes the grey between black
                and white, exactly, as inpainting models were trained.

        Returns:
            mean and std, (B, C, H / factor, W / factor) float32 in the UNet's latent scale.

        Raises:
            BadInput: A side is not a multiple of `factor`.
        """
        height, width = images.shape[1:3]
        if height % self.factor or width % self.factor:
            raise BadInput(
                f"A picture of {width}x{height} px cannot be encoded; both sides must be "
                f"multiples of {self.factor}."
            )
        x = to_signed(images, hidden)
        posterior = self._each(x, check, self._posterior)
        mean, std = posterior.chunk(2, dim=1)
        return self._left(mean, std)

    def _posterior(self, image: torch.Tensor) -> torch.Tensor:
        found = self._posterior_with(self.model, image)
        if not bool(torch.isfinite(found).all()) and self.model.dtype != torch.float32:
            found = self._posterior_with(_in_float32(self.model), image)
        if not bool(torch.isfinite(found).all()):
            raise NumericalProblem(
                "The picture became not-a-number in the model's encoder, also in float32; check "
                "the model's files."
            )
        return found

    def _moments(self, model: AutoencoderKL, x: torch.FloatTensor) -> torch.Tensor:
        """Mean and standard deviation, (1, 2 C, h, w) float32."""
        bring(self.patches, model)
        shown = cast("torch.FloatTensor", self._shown(x))
        distribution = model.encode(shown, return_dict=False)[0]
        return torch.cat([distribution.mean, distribution.std], dim=1).float()

    def _posterior_with(self, model: AutoencoderKL, image: torch.Tensor) -> torch.Tensor:
        x = cast("torch.FloatTensor", image.to(device_of(self.patches, model), model.dtype))
        height, width = image.shape[2:]
        need = decode_bytes(height * width, self.width, model.dtype.itemsize)

        def in_tiles(side_px: int) -> torch.Tensor:
            with tiling.tiles(model, side_px, own_factor(model)):
                model.use_tiling = True
                return self._moments(model, x)

        return tiling.with_tiles(
            lambda: self._moments(model, x),
            in_tiles,
            need,
            (height, width),
            device_of(self.patches, model),
        )

    @staticmethod
    def _each(
        batch: torch.Tensor,
        check: Callable[[], None] | None,
        work: Callable[[torch.Tensor], torch.Tensor],
    ) -> torch.Tensor:
        results: list[torch.Tensor] = []
        for row in rows(batch):
            if check is not None:
                check()
            results.append(work(row))
        return torch.cat(results)


def own_factor(model: Any) -> int:
    """Pixels for each position of what the model itself takes, along one side."""
    shape = shape_of(model.config)
    return shape.factor // shape.packs


def _in_float32(model: AutoencoderKL) -> AutoencoderKL:
    """A copy; the shared weights are left alone."""
    made: Any = copy.deepcopy(model)
    return made.float()
