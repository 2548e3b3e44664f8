"""Previews: latents to small pictures, cheaply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from numpy.typing import NDArray
from torch.nn import functional

from backend.models.autoencoder.uint8 import to_uint8
from backend.models.autoencoder.vae import Vae
from backend.models.memory.block_offload import bring, device_of
from backend.models.parts import Codec

PreviewKind = Literal["off", "fast", "tiny", "full"]

# Measured for the autoencoder of Stable Diffusion 1.x (shared by 2.x) and published at
# https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204/2
SD1_LATENT_RGB = (
    (0.298, 0.207, 0.208),
    (0.187, 0.286, 0.173),
    (-0.158, 0.189, 0.264),
    (-0.184, -0.271, -0.473),
)
FIT_FIELDS = 6
FIT_SIDE = 24
FIT_STD = 0.75


@dataclass(frozen=True)
class LatentRgb:
    """The linear map rgb = latent @ weight + bias, into [-1, 1].

    Attributes:
        weight: (C, 3) float32 on the CPU.
        bias: (3,) float32 on the CPU.
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, 3, h, w), on the device of the latents."""
        weight, bias = self.weight.to(latents.device), self.bias.to(latents.device)
        return torch.einsum("bchw,cr->brhw", latents.float(), weight) + bias[:, None, None]


@dataclass(frozen=True)
class Previewer:
    """Draws a preview of x0.

    Attributes:
        kind: What it really does.
        note: One sentence when that is not what was asked for.
        render: (B, C, h, w) -> (B, 3, H', W') about in [-1, 1]; None when off.
    """

    kind: PreviewKind
    note: str
    render: Callable[[torch.Tensor], torch.Tensor] | None

    @torch.no_grad()
    def __call__(self, latents: torch.Tensor) -> NDArray[np.uint8] | None:
        """Latents in the UNet's scale to (B, H', W', 3) uint8; None when previews are off.

        `fast` gives one pixel for each latent position and works on the latents' device (the
        CPU is fine); `tiny` and `full` give full-size pictures.
        """
        return None if self.render is None else to_uint8(self.render(latents))


def make_previewer(
    kind: PreviewKind, latent_rgb: LatentRgb, codec: Codec, tiny: AutoencoderTiny | None
) -> Previewer:
    """The previewer of a kind; without a tiny decoder `tiny` becomes `fast` and says so."""

    def decode_tiny(latents: torch.Tensor) -> torch.Tensor:
        assert tiny is not None
        z = latents.to(device_of(tiny), tiny.dtype) / tiny.config["scaling_factor"]
        bring(tiny)
        return tiny.decode(z, return_dict=False)[0].float()

    match kind:
        case "off":
            return Previewer("off", "", None)
        case "full":
            return Previewer("full", "", codec.pixels)
        case "tiny" if tiny is not None:
            return Previewer("tiny", "", decode_tiny)
        case "tiny":
            note = "No tiny decoder is installed for this model; previews use the fast kind."
            return Previewer("fast", note, latent_rgb)
        case _:
            return Previewer("fast", "", latent_rgb)


PIXELS = LatentRgb(torch.eye(3), torch.zeros(3))
"""Of models that work on pixels: what is there is shown."""


def latent_rgb_for(vae: Vae) -> LatentRgb:
    """The published table for Stable Diffusion's own autoencoder, else a fit to `vae`."""
    config = vae.model.config
    shape = (tuple(config["block_out_channels"]), vae.latent_channels, vae.scaling_factor)
    if shape == ((128, 256, 512, 512), 4, 0.18215):
        return LatentRgb(torch.tensor(SD1_LATENT_RGB), torch.zeros(3))
    return fit_latent_rgb(vae)


@torch.no_grad()
def fit_latent_rgb(vae: Vae) -> LatentRgb:
    """Least squares from latents to the pictures that the decoder makes of them.

    The latents are smooth random fields, a little calmer than unit variance: as good on real
    pictures as encoding drawn ones (on the built-in model's autoencoder both reach 0.92-0.95
    correlation with the true decode, a fit to its own pictures 0.93-0.97), at half the cost. A
    small ridge keeps channels that carry nothing at 0.
    """
    latents = smooth_latents(vae.latent_channels)
    decoded = torch.cat([vae.pixels(row) for row in latents.split(1)]).cpu().clamp(-1.0, 1.0)
    small = functional.avg_pool2d(decoded, vae.factor)
    x = latents.permute(0, 2, 3, 1).reshape(-1, vae.latent_channels).double()
    y = small.permute(0, 2, 3, 1).reshape(-1, 3).double()
    centred, target = x - x.mean(0), y - y.mean(0)
    gram = centred.T @ centred
    ridge = 1e-4 * gram.diagonal().mean()
    weight = torch.linalg.solve(
        gram + ridge * torch.eye(len(gram), dtype=gram.dtype), centred.T @ target
    )
    bias = y.mean(0) - x.mean(0) @ weight
    return LatentRgb(weight.float(), bias.float())


def smooth_latents(channels: int, seed: int = 0) -> torch.Tensor:
    """Random fields that vary over about a quarter of the picture.

    Returns:
        (FIT_FIELDS, channels, FIT_SIDE, FIT_SIDE) float32; the same for the same seed.
    """
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(FIT_FIELDS, channels, 4, 4, generator=generator)
    fields = functional.interpolate(coarse, size=(FIT_SIDE, FIT_SIDE), mode="bicubic")
    return FIT_STD * fields / fields.std()
