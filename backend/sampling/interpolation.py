"""Between two ends: positions of frames, AdaIN, and rows of interpolated tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from backend.sampling.noise import slerp

Easing = Literal["linear", "smooth"]


def positions(frames: int, easing: Easing = "linear") -> tuple[float, ...]:
    """Where each frame lies between the ends: 0 first, 1 last.

    Args:
        frames: At least 2.
        easing: "smooth" starts and ends slowly, 3 a^2 - 2 a^3.
    """
    even = [i / (frames - 1) for i in range(frames)]
    return tuple(a if easing == "linear" else a * a * (3 - 2 * a) for a in even)


def column(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
    """(F, 1, ...) on the device of `like`, to multiply rows with."""
    flat = torch.tensor(values, dtype=like.dtype).to(like.device, non_blocking=True)
    return flat.view(-1, *(1,) * (like.ndim - 1))


def lerp_rows(a: torch.Tensor, b: torch.Tensor, at: Sequence[float]) -> torch.Tensor:
    """(1, ...) and (1, ...) -> (F, ...): the line from a to b, exact at 0 and 1."""
    return torch.lerp(a, b, column(at, a))


def slerp_rows(a: torch.Tensor, b: torch.Tensor, at: Sequence[float]) -> torch.Tensor:
    """(1, C, h, w) twice -> (F, C, h, w): the great circle from a to b."""
    count = len(at)
    return slerp(a.expand(count, *a.shape[1:]), b.expand(count, *b.shape[1:]), column(at, a))


def channel_stats(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each channel, (B, C, 1, 1)."""
    return x.mean(dim=(2, 3), keepdim=True), x.std(dim=(2, 3), keepdim=True)


def adain(x: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """Gives each channel another mean and deviation (Huang and Belongie 2017, 1703.06868, eq. 8).

    Args:
        x: (B, C, h, w).
        mean: (B, C, 1, 1).
        std: (B, C, 1, 1).
    """
    own_mean, own_std = channel_stats(x)
    return (x - own_mean) / own_std.clamp(min=1e-6) * std + mean


def path_noise(
    a: torch.Tensor, b: torch.Tensor, at: Sequence[float], *, match_channels: bool
) -> torch.Tensor:
    """Starting latents of frames between two ends (DiffMorpher, CVPR 2024, sec. 3.2 and 3.4).

    Args:
        a: (1, C, h, w), where end 0 starts.
        b: (1, C, h, w), where end 1 starts.
        at: Position of each frame, 0..1.
        match_channels: AdaIN towards the interpolated mean and deviation of the ends' channels.
    """
    x = slerp_rows(a, b, at)
    if match_channels:
        (mean_a, std_a), (mean_b, std_b) = channel_stats(a), channel_stats(b)
        x = adain(x, lerp_rows(mean_a, mean_b, at), lerp_rows(std_a, std_b, at))
    return x
