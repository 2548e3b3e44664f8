"""How models are shown the small picture that they enlarge: noised, enlarged, or as it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from backend.models.parts import Beside
from backend.sampling.config import SchedulerConfig
from backend.sampling.schedule import noised


@dataclass(frozen=True)
class NoisedPicture:
    """Noised, at its own size, which is that of the latents: Stable Diffusion's x4 upscaler.

    Attributes:
        config: Of the schedule that it is noised by.
    """

    config: SchedulerConfig
    noise_first: bool = True

    def noise_shape(self, small_px: tuple[int, int]) -> tuple[int, int, int]:
        """See `Enlarger.noise_shape`."""
        width, height = small_px
        return 3, height, width

    def beside(self, small: torch.Tensor, noise: torch.Tensor | None, noise_level: int) -> Beside:
        """channels: (B, 3, h, w)."""
        return _noised(small, noise, noise_level, self.config)


@dataclass(frozen=True)
class EnlargedPicture:
    """Enlarged, then noised: the second stage of a cascade on pixels (2205.11487, sec. 2.4).

    Attributes:
        config: Of the schedule that it is noised by.
        factor: Its sides become this many times as long.
    """

    config: SchedulerConfig
    factor: int
    noise_first: bool = False

    def noise_shape(self, small_px: tuple[int, int]) -> tuple[int, int, int]:
        """See `Enlarger.noise_shape`."""
        width, height = small_px
        return 3, height * self.factor, width * self.factor

    def beside(self, small: torch.Tensor, noise: torch.Tensor | None, noise_level: int) -> Beside:
        """channels: (B, 3, factor h, factor w)."""
        size = (small.shape[2] * self.factor, small.shape[3] * self.factor)
        large = functional.interpolate(small, size=size, mode="bilinear", align_corners=True)
        return _noised(large, noise, noise_level, self.config)


@dataclass(frozen=True)
class PlainPicture:
    """As it is, at the size of the latents: latent diffusion's super resolution (2112.10752)."""

    noise_first: bool = False

    def noise_shape(self, small_px: tuple[int, int]) -> None:
        """It is given no noise."""
        return None

    def beside(self, small: torch.Tensor, noise: torch.Tensor | None, noise_level: int) -> Beside:
        """channels: (B, 3, h, w)."""
        return Beside(small)


def _noised(
    picture: torch.Tensor, noise: torch.Tensor | None, noise_level: int, config: SchedulerConfig
) -> Beside:
    if noise is None:
        raise ValueError("the picture is to be noised, and there is no noise")
    labels = torch.full((len(picture),), noise_level, dtype=torch.long, device=picture.device)
    return Beside(noised(picture, noise, noise_level, config), labels)
