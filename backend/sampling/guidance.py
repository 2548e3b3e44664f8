"""Guidance: wrappers from Denoiser to Denoiser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from backend.sampling.denoiser import Prediction, from_x0, to_x0
from backend.sampling.types import Denoiser, Level, Schedule

Share = float | torch.Tensor
"""Of one condition in the guidance; a tensor, (B or 1, 1, h, w), tells it for each place."""


@dataclass(frozen=True)
class SigmaRange:
    """Levels low..high, both included, where something acts (2404.07724)."""

    low: float = 0.0
    high: float = math.inf

    def holds(self, level: Level) -> bool:
        """Whether the level lies inside; one whose value is unknown lies in the whole range only.

        Raises:
            ValueError: The samples stand at different levels and the range has an end.
        """
        if self.low <= 0 and self.high == math.inf:
            return True
        if level.value is None:
            raise ValueError("an interval needs one level for all samples")
        return self.low <= level.value <= self.high


def sigma_range(schedule: Schedule, start: float, end: float, first: int = 0) -> SigmaRange:
    """The levels of the steps that lie within fractions of a run.

    Step i of n acts if i / n >= start and (i + 1) / n <= end, as diffusers' control_guidance does.

    Args:
        schedule: Its levels become the bounds.
        start: 0..1.
        end: 0..1.
        first: The step the run begins with (image-to-image); fractions count from there. Below 0
            where the schedule is the rest of a run, so many steps of which lie before it.
    """
    if start <= 0 and end >= 1:
        return SigmaRange()
    total = schedule.steps - first
    steps = range(max(0, -first), total)
    active = [i for i in steps if i / total >= start and (i + 1) / total <= end]
    if not active:
        return SigmaRange(low=math.inf, high=-math.inf)
    sigmas = schedule.levels
    return SigmaRange(low=sigmas[first + active[-1]], high=sigmas[first + active[0]])


Scale = float | torch.Tensor
"""The same for all samples, or (B, 1, 1, 1) on the device of x."""


def cfg(
    both: Denoiser,
    cond: Denoiser,
    scale: Scale,
    *,
    shares: Sequence[Share] = (1.0,),
    grounds: Sequence[Share] = (1.0,),
    against: Sequence[int] = (),
    interval: SigmaRange | None = None,
    rescale: float = 0.0,
    prediction: Prediction = "epsilon",
    kept: int = 0,
) -> Denoiser:
    """Classifier-free guidance, x0 = x0_u + w (x0_c - x0_u) (2207.12598, eq. 6).

    Of several conditions x0 = x0_u + w sum_i s_i (x0_i - x0_u) (2206.01714, eq. 11). x0 is linear
    in eps and in v at a given x, so this is guidance in either of them. Of several negatives x0_u
    is sum_k g_k x0_k, and each condition is guided away from one of them.

    Args:
        both: Takes [x, x, ...] and returns x0 of [negatives x B, first positive x B, ...].
        cond: Takes x and returns x0 of [positive x B]; a single condition of share 1 runs alone
            where nothing is to guide. Others run beside the negative there, at w = 1.
        scale: w; at or below 1 nothing is to guide. Where each sample has its own, one of them at
            least guides.
        shares: s of each condition.
        grounds: g of each negative; 1 in all at each place.
        against: Which negative each condition is guided away from; the first by default.
        interval: Levels at which to guide; all by default.
        rescale: phi of 2305.08891, sec. 3.4; 0 is off.
        prediction: What the model predicts: the rescaling acts on that.
        kept: Side of the squares of positions that keep the norm of the conditional output, see
            `normed`; 0 is off.
    """
    alone = len(shares) == len(grounds) == 1 and isinstance(shares[0], float) and shares[0] == 1.0
    guides = True
    if isinstance(scale, torch.Tensor):
        scale = scale.clamp(min=1)
    elif scale <= 1:
        guides = False
    if alone and not guides:
        return cond
    interval, rows = interval or SigmaRange(), len(grounds) + len(shares)
    against = against or (0,) * len(shares)

    def guided(x: torch.Tensor, level: Level) -> torch.Tensor:
        acts = guides and interval.holds(level)
        if alone and not acts:
            return cond(x, level)
        parts = both(torch.cat([x] * rows), level.repeat(rows)).chunk(rows)
        negatives, positives = parts[: len(grounds)], parts[len(grounds) :]
        negative = _ground(negatives, grounds)
        towards = (
            positives[0] - negative if alone else _composed(negatives, positives, shares, against)
        )
        if not acts:
            return negative + towards
        x0 = negative + scale * towards
        if rescale == 0 and not kept:
            return x0
        aim = positives[0] if alone else negative + towards
        if kept:
            x0 = normed(x, x0, aim, level, kept, prediction)
        if rescale == 0:
            return x0
        return rescaled(x, x0, aim, level, rescale, prediction)

    return guided


def _ground(negatives: Sequence[torch.Tensor], grounds: Sequence[Share]) -> torch.Tensor:
    """Sum of g_k x0_k; the one negative as it is."""
    if len(negatives) == 1:
        return negatives[0]
    ground = torch.zeros_like(negatives[0])
    for negative, share in zip(negatives, grounds, strict=True):
        ground = ground + share * negative
    return ground


def _composed(
    negatives: Sequence[torch.Tensor],
    positives: Sequence[torch.Tensor],
    shares: Sequence[Share],
    against: Sequence[int],
) -> torch.Tensor:
    """Sum of s_i (x0_i - x0_u)."""
    towards = torch.zeros_like(negatives[0])
    for positive, share, which in zip(positives, shares, against, strict=True):
        towards = towards + share * (positive - negatives[which])
    return towards


def rescaled(
    x: torch.Tensor,
    x0: torch.Tensor,
    positive: torch.Tensor,
    level: Level,
    phi: float,
    prediction: Prediction,
) -> torch.Tensor:
    """Pulls the guided model output back to the deviation of the conditional one.

    2305.08891, eq. 15 and 16: m' = phi m std(m_pos) / std(m) + (1 - phi) m, for the output m of
    the model and each image; the x0 of m' is returned.

    Args:
        positive: x0 without guidance: that of the condition, or of several at w = 1.
    """
    output = from_x0(x, x0, level, prediction)
    aim = from_x0(x, positive, level, prediction)
    dims = tuple(range(1, x.ndim))
    ratio = aim.std(dim=dims, keepdim=True) / output.std(dim=dims, keepdim=True)
    return to_x0(x, (phi * ratio + (1 - phi)) * output, level, prediction)


def normed(
    x: torch.Tensor,
    x0: torch.Tensor,
    positive: torch.Tensor,
    level: Level,
    side: int,
    prediction: Prediction,
) -> torch.Tensor:
    """Gives each token of the guided output the norm of the conditional one.

    m' = m |m_pos| / |m| for the output m of the model and each square of positions, all of its
    channels together, as diffusers' `QwenImagePipeline` has it; the x0 of m' is returned.

    Args:
        positive: As in `rescaled`.
        side: Of a square, in positions; divides those of x.
    """
    output = from_x0(x, x0, level, prediction)
    aim = from_x0(x, positive, level, prediction)
    wanted, found = (
        functional.pixel_unshuffle(each, side).square().sum(dim=1, keepdim=True).sqrt()
        for each in (aim, output)
    )
    ratio = functional.interpolate(wanted / found, scale_factor=side, mode="nearest")
    return to_x0(x, ratio * output, level, prediction)


def dynamic_threshold(denoiser: Denoiser, ratio: float = 0.995, limit: float = 1.0) -> Denoiser:
    """Dynamic thresholding (2205.11487, sec. 2.3), per image.

    s is the given quantile of |x0| and at least `limit`; x0 is clamped to [-s, s] and brought back
    to [-limit, limit].

    Args:
        ratio: Quantile, 0..1.
        limit: Bound of the data: 1 for pixels in [-1, 1]; latents reach further.
    """

    def thresholded(x: torch.Tensor, level: Level) -> torch.Tensor:
        x0 = denoiser(x, level)
        wide = x0.to(torch.promote_types(x0.dtype, torch.float32))
        s = wide.abs().flatten(1).quantile(ratio, dim=1).clamp(min=limit)
        s = s.reshape(-1, *(1,) * (x0.ndim - 1))
        return (wide.clamp(-s, s) * (limit / s)).to(x0.dtype)

    return thresholded


def masked(
    denoiser: Denoiser,
    known: torch.Tensor,
    mask: torch.Tensor,
    noise: torch.Tensor,
    pure: tuple[float, float] | None = None,
) -> Denoiser:
    """Paints inside a mask and keeps the rest: at each level the known region is the source noised.

    The model sees alpha known + sigma noise outside the mask, and outside it x0 is the source
    itself, so that every sampler keeps that region at its level and ends on it exactly. In the
    painted region it equals blending after each step, as diffusers' inpainting does.

    Args:
        known: (B, C, h, w) or broadcastable, latents of the source.
        mask: (B, 1, h, w) or broadcastable, 1 where to paint, 0 where to keep.
        noise: (B, C, h, w), the noise of the starting latents, the same at each step.
        pure: The level and scale of a start from nothing but noise: from that level on, the known
            region is alpha noise * scale too, as in diffusers' inpainting at strength 1.

    A batch that is a multiple of B holds them tiled: [x, x, ...].
    """

    def blended(x: torch.Tensor, level: Level) -> torch.Tensor:
        source, grain, inside = (_tiled(rows, x) for rows in (known, noise, mask))
        alpha, sigma = level.alpha_for(x), level.sigma_for(x)
        outside = alpha * source + sigma * grain
        if pure is not None:
            highest, scale = pure
            at_start = sigma >= alpha * (highest * (1 - 1e-6))  # levels may be rounded to float32
            outside = torch.where(at_start, alpha * (grain * scale), outside)
        x0 = denoiser(inside * x + (1 - inside) * outside, level)
        return inside * x0 + (1 - inside) * source

    return blended


def _tiled(rows: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """`rows` as often as the batch of x holds them; a single row broadcasts."""
    if len(rows) in (1, len(x)):
        return rows
    return rows.repeat(len(x) // len(rows), *(1,) * (rows.ndim - 1))
