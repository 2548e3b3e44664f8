"""The linear map from latents to colours, fitted to an autoencoder when it is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from backend.models.autoencoder.latent_rgb_tables import TABLES, WIDTHS
from backend.models.autoencoder.vae import Vae
from backend.models.parts import Codec
from backend.models.tensors import numbers, rows

PATCH = 4
"""Colours to a side that a cell is mapped to."""
REACH = 3
"""Cells to a side that are looked at for it."""
FIT_PICTURES = 4
FIT_CELLS = 24
FIT_SHAPES = 12


@dataclass(frozen=True)
class LatentRgb:
    """A linear map of a latent cell and its neighbours to a patch of colours, into [-1, 1].

    Attributes:
        weight: (3 p p, C, k, k) float32 on the CPU: patches of p x p colours, k odd.
        bias: (3 p p,) float32 on the CPU.
    """

    weight: torch.Tensor
    bias: torch.Tensor

    @property
    def patch(self) -> int:
        """Colours to a side of a cell's patch."""
        return math.isqrt(len(self.weight) // 3)

    def on(self, device: torch.device) -> LatentRgb:
        """The same map on a device, so that no step copies it there."""
        return LatentRgb(self.weight.to(device), self.bias.to(device))

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, 3, p h, p w), on the device of the latents."""
        weight, bias = self.weight.to(latents.device), self.bias.to(latents.device)
        patches = functional.conv2d(_edged(latents.float(), weight.shape[-1]), weight, bias)
        return functional.pixel_shuffle(patches, self.patch)


def _edged(latents: torch.Tensor, reach: int) -> torch.Tensor:
    """Latents with their outermost cells repeated, so that every cell has its neighbours."""
    margin = reach // 2
    return functional.pad(latents, (margin,) * 4, mode="replicate") if margin else latents


PIXELS = LatentRgb(torch.eye(3)[:, :, None, None], torch.zeros(3))
"""Of models that work on pixels: what is there is shown."""
GREY = LatentRgb(torch.ones(3, 1, 1, 1), torch.zeros(3))
"""The same of one channel."""


def latent_rgb_for(vae: Vae) -> LatentRgb:
    """The published table where the autoencoder is one of a published shape, else a fit to it.

    A table says one colour for each cell; a fit to so large an autoencoder would take a CPU many
    seconds at every start.
    """
    config = vae.model.config
    if tuple(config.get("block_out_channels", ())) == WIDTHS:
        for table in TABLES:
            if (len(table.rows), table.scaling_factor) == (vae.latent_channels, vae.scaling_factor):
                weight = torch.tensor(table.rows).T.contiguous()
                return LatentRgb(weight[:, :, None, None], torch.tensor(table.bias))
    return fit_latent_rgb(vae)


@torch.no_grad()
def fit_latent_rgb(vae: Codec) -> LatentRgb:
    """Least squares from latents of drawn shapes to what the decoder makes of them.

    Shapes have edges, which say what lies inside a cell; smooth random latents do not, and a map
    of neighbours fitted to those is worse than one of single cells. A small ridge keeps channels
    that carry nothing at 0.
    """
    pixels = (drawn_shapes(FIT_PICTURES, FIT_CELLS * vae.factor) * 255.0).round().to(torch.uint8)
    latents = vae.encode(pixels.permute(0, 2, 3, 1).contiguous().numpy())[0].cpu()
    decoded = torch.cat([vae.pixels(row) for row in rows(latents)]).cpu().clamp(-1.0, 1.0)
    return solve(latents, decoded)


def solve(latents: torch.Tensor, decoded: torch.Tensor) -> LatentRgb:
    """The map that fits best.

    Args:
        latents: (B, C, h, w) float32.
        decoded: (B, 3, H, W) in [-1, 1]; H and W are the same multiple of h and w.
    """
    height, width = latents.shape[2:]
    colours = functional.interpolate(decoded, (height * PATCH, width * PATCH), mode="area")
    patches = functional.pixel_unshuffle(colours, PATCH).flatten(2)
    near = functional.unfold(_edged(latents, REACH), REACH)
    x = near.transpose(1, 2).flatten(0, 1).double()
    y = patches.transpose(1, 2).flatten(0, 1).double()
    centred, target = x - x.mean(0), y - y.mean(0)
    gram = centred.T @ centred
    ridge = 1e-3 * gram.diagonal().mean()
    algebra: Any = torch.linalg
    weight: torch.Tensor = algebra.solve(
        gram + ridge * torch.eye(len(gram), dtype=gram.dtype), centred.T @ target
    )
    bias = y.mean(0) - x.mean(0) @ weight
    shape = (3 * PATCH * PATCH, latents.shape[1], REACH, REACH)
    return LatentRgb(weight.T.float().reshape(shape).contiguous(), bias.float())


def drawn_shapes(count: int, side_px: int, seed: int = 0) -> torch.Tensor:
    """Pictures of shaded ellipses and bars over a wash of two colours.

    Returns:
        (count, 3, side_px, side_px) float32 in 0..1; the same for the same seed.
    """
    generator = torch.Generator().manual_seed(seed)
    at = (torch.arange(side_px) + 0.5) / side_px
    y, x = torch.meshgrid(at, at, indexing="ij")
    pictures: list[torch.Tensor] = []
    for _ in range(count):
        top, bottom = torch.rand(2, 3, 1, 1, generator=generator)
        picture = top + (bottom - top) * y
        for index in range(FIT_SHAPES):
            lit, dark = torch.rand(2, 3, 1, 1, generator=generator)
            left, up, wide, high, turn, soft = numbers(torch.rand(6, generator=generator))
            c, s = math.cos(math.pi * turn), math.sin(math.pi * turn)
            u = (c * (x - left) + s * (y - up)) / (0.03 + 0.5 * wide**2)
            v = (c * (y - up) - s * (x - left)) / (0.03 + 0.5 * high**2)
            # Even ones are ellipses, odd ones bars; every third has a soft edge.
            far = torch.hypot(u, v) if index % 2 == 0 else torch.max(u.abs(), v.abs())
            edge = 0.1 * side_px * (1.0 if index % 3 else 0.03 + 0.1 * soft)
            inside = ((1.0 - far) * edge).clamp(0.0, 1.0)
            colour = lit + 0.5 * (dark - lit) * ((v + 1.0) / 2.0).clamp(0.0, 1.0)
            picture = picture + inside * (colour - picture)
        pictures.append(picture)
    return torch.stack(pictures).clamp(0.0, 1.0)
