"""What decides a run of the picture model, and the levers that were tried against one another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor


@dataclass(frozen=True)
class Plan:
    """A run's shape, data and rates."""

    seed: int = 0
    channels: tuple[int, ...] = (64, 128, 256)
    attention_everywhere: bool = False
    """At the finest level too."""
    latent_channels: int = 16
    side: int = 16
    grown: bool = False
    """Begin with the weights of today's UNet, all but its first and last convolution."""
    batch: int = 32
    reuse: int = 4
    """How often a scene is seen, on average; each time under a new caption."""
    stock_chunks: int = 1024
    first_chunks: int = 128
    oftener: tuple[str, ...] = ()
    """Subjects that are drawn more often than the rest, in chunks from `oftener_from` on."""
    oftener_by: float = 2.5
    oftener_from: int = 0
    rate: float = 5e-4
    warmup_steps: int = 500
    decay_share: float = 0.15
    """Last part of all examples, over which the rate falls."""
    floor: float = 1e-5
    examples: int = 1_000_000
    average: float = 0.9995
    average_from: float = 0.99
    caption_dropout: float = 0.1
    focus: float = 2.0
    """How much more a subject's cells count than its surroundings."""
    auxiliary: float = 0.0
    """Weight of a head that says subject and colour of each cell from the middle block."""
    auxiliary_share: float = 2.0 / 3.0
    """First part of all examples, in which that head counts."""
    min_snr: float | None = None
    """Cap of the signal-to-noise ratio in the loss's weight (2303.09556); None weighs all alike."""


BASE = Plan()
LEVERS: Mapping[str, Plan] = MappingProxyType(
    {
        "base": BASE,
        "grown from today's": replace(BASE, grown=True),
        "head of subject and colour": replace(BASE, auxiliary=0.1),
        "min-SNR 5": replace(BASE, min_snr=5.0),
        "96/192/256": replace(BASE, channels=(96, 192, 256)),
        "64/192/384": replace(BASE, channels=(64, 192, 384)),
        "a fourth level": replace(BASE, channels=(64, 128, 256, 256)),
        "attention at 16x16": replace(BASE, attention_everywhere=True),
    }
)


def new_cell_unet(plan: Plan, context_width: int = 192) -> UNet2DConditionModel:
    """An untrained UNet for a plan's latents."""
    deeper = len(plan.channels) - 1
    down = "CrossAttnDownBlock2D" if plan.attention_everywhere else "DownBlock2D"
    up = "CrossAttnUpBlock2D" if plan.attention_everywhere else "UpBlock2D"
    return UNet2DConditionModel(
        sample_size=plan.side,
        in_channels=plan.latent_channels,
        out_channels=plan.latent_channels,
        block_out_channels=plan.channels,
        down_block_types=(down, *("CrossAttnDownBlock2D",) * deeper),
        up_block_types=(*("CrossAttnUpBlock2D",) * deeper, up),
        layers_per_block=1,
        attention_head_dim=4,
        cross_attention_dim=context_width,
        norm_num_groups=32,
    )


def take_over(unet: UNet2DConditionModel, old: UNet2DConditionModel) -> int:
    """Copy every weight whose name and shape both UNets have.

    Returns:
        How many numbers were copied.
    """
    theirs = old.state_dict()
    copied = 0
    with torch.no_grad():
        for name, weight in unet.state_dict().items():
            if name in theirs and theirs[name].shape == weight.shape:
                weight.copy_(theirs[name])
                copied += weight.numel()
    return copied


def rate_after(plan: Plan, examples: int, warm_steps: int) -> float:
    """The learning rate.

    Args:
        plan: The run's plan.
        examples: Seen so far.
        warm_steps: Steps since the optimiser began from nothing.
    """
    warm = min(1.0, (warm_steps + 1) / plan.warmup_steps)
    left = max(0.0, 1.0 - examples / plan.examples) / plan.decay_share
    if left >= 1.0:
        return warm * plan.rate
    fall = 0.5 * (1.0 - math.cos(math.pi * left))
    return warm * (plan.floor + (plan.rate - plan.floor) * fall)


def decay_after(plan: Plan, step: int) -> float:
    """How much of the average a step keeps: about the mean of the last fifth of all steps, from
    `average_from` to `average`; the first steps count less, since they begin from noise."""
    early = (1 + step) / (10 + step)
    return min(plan.average, max(min(plan.average_from, early), 1.0 - 5.0 / (1 + step)))


def loss_weights(plan: Plan, signal: Tensor) -> Tensor:
    """(B,) weight of each example's v loss, from its share of signal (alpha squared)."""
    if plan.min_snr is None:
        return torch.ones_like(signal)
    ratio = signal / (1.0 - signal)
    return ratio.clamp_max(plan.min_snr) / (ratio + 1.0)


def shares_in(plan: Plan, chunk: int) -> Mapping[str, float]:
    """How often subjects are drawn in a chunk against one that is not named."""
    return dict.fromkeys(plan.oftener, plan.oftener_by) if chunk >= plan.oftener_from else {}
