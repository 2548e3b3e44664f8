"""Steering: the prediction is moved towards pictures of low loss, a few times in a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from backend.sampling.types import Denoiser, Level, Schedule

Loss = Callable[[torch.Tensor], torch.Tensor]
"""Pictures (B, 3, H, W), about in [0, 1] -> (B,), one value a picture, so that none depends on
its batch."""
UNIT = 0.25
"""What losses are counted in: about the deviation of a picture's channels, as latents are of unit
deviation, so that a push of scale 1 asks for a move of that order in both."""
HIGHEST_VARIANCE = 1.0
"""(sigma / alpha)^2 above which a push grows no further: what is drawn at such levels is mostly
noise, and a move by its variance would leave the data."""

SPREAD = 0.25
"""Variance of the data along what losses change, beside 1 of a single number of a latent: means of
a picture, which differ less."""


@dataclass(frozen=True)
class Steering:
    """What pulls, how hard, and at which steps; see docs/adr/0018.

    Attributes:
        loss: What is to become small.
        scale: 1 is a clear pull for every loss; 0 is none.
        spacing: Steps between two pushes; each acts for as many.
        levels: sigma / alpha of the steps that push, and what each is worth, see `pushing`.
    """

    loss: Loss
    scale: float
    spacing: int
    levels: Mapping[float, float]


def pushing(
    schedule: Schedule, spacing: int, first: int = 0, start: float = 0.0, end: float = 1.0
) -> dict[float, float]:
    """The levels of every `spacing`-th step of a part of a run, and what a push there is worth.

    A step from s to t passes on 1 - t / s of what x0 was moved by. Of that a model keeps about
    v / (v + sigma^2) of data of variance v, and takes back the rest. A push is worth what pushes at
    all steps up to the next one would come to, each towards what the others have left, in shares
    of its own step; sigma is taken in the middle.

    Args:
        schedule: Whose steps.
        spacing: 1 is every step.
        first: The step the run begins with, see `guidance.sigma_range`; steps count from there.
        start: Fraction of the run at which pushes begin.
        end: Fraction at which they end.

    Returns:
        sigma / alpha -> worth, 1 for a push at every step.
    """
    total, levels = schedule.steps - first, schedule.levels
    steps = range(0, total, spacing)
    active = [i for i in steps if i + first >= 0 and i / total >= start and (i + 1) / total <= end]
    found: dict[float, float] = {}
    for i in active:
        until = min(first + i + spacing, schedule.steps)
        passed = [1 - levels[step + 1] / levels[step] for step in range(first + i, until)]
        kept = SPREAD / (SPREAD + levels[first + i] * levels[until])
        left = math.prod(1 - kept * share for share in passed)
        found[levels[first + i]] = (1 - left) / (kept * passed[0]) if len(passed) > 1 else 1.0
    return found


def steered(
    denoiser: Denoiser,
    decode: Callable[[torch.Tensor], torch.Tensor],
    steering: Steering,
    tell: Callable[[float, torch.Tensor], None] | None = None,
) -> Denoiser:
    """Moves x0 by -scale n min((sigma / alpha)^2, cap) N d(L / unit)/dx0 at the steps that push.

    Never further than to where the loss, were it straight, would be 0, times what the push is
    worth: beyond that a strong pull would swing about what it wants.

    It is the score of p(x) exp(-scale L) (2105.05233, sec. 4.1) with the gradient taken at x0,
    which spares the way back through the model. N, the numbers in one latent, makes up for losses
    being means, and n, the spacing, for steps that do not push; so one scale means the same at
    any size, number of steps and spacing.

    Args:
        denoiser: Not differentiated.
        decode: x0 (B, C, h, w) -> pictures (B, 3, H, W), differentiable.
        steering: What pulls, and when.
        tell: Given the level (sigma / alpha) and the losses (B,) before each push, on the device.
    """
    if steering.scale == 0 or not steering.levels:
        return denoiser

    def push(x: torch.Tensor, level: Level) -> torch.Tensor:
        x0 = denoiser(x, level)
        if level.value is None or level.value not in steering.levels:
            return x0
        slopes = [_slope(row, decode, steering.loss) for row in torch.split(x0, 1)]
        losses, grad = (torch.cat(part) for part in zip(*slopes, strict=True))
        if tell is not None:
            tell(level.value, losses)
        variance = (level.sigma_for(x0) / level.alpha_for(x0)).square().clamp(max=HIGHEST_VARIANCE)
        wanted = steering.scale * steering.spacing * x0[0].numel() * variance / UNIT
        furthest = steering.levels[level.value] * _to_the_bottom(losses, grad)
        return x0 - torch.minimum(wanted, furthest) * grad

    return push


def _slope(
    row: torch.Tensor, decode: Callable[[torch.Tensor], torch.Tensor], loss: Loss
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of one picture, (1,), and its gradient at x0 (1, C, h, w): one decode, and back.

    One at a time: nothing depends on the batch, and no more is kept than of one picture.
    """
    with torch.inference_mode(False), torch.enable_grad():
        leaf = row.detach().clone().requires_grad_()
        found = loss(decode(leaf))
        (grad,) = torch.autograd.grad(found.sum(), leaf)
    return found.detach(), grad


def _to_the_bottom(losses: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    """How far to go down each gradient until its tangent is at 0 (Polyak 1987), (B, 1, 1, 1)."""
    steepness = grad.square().sum(dim=(1, 2, 3), keepdim=True)
    return losses.to(grad).reshape(-1, 1, 1, 1) / steepness.clamp(min=torch.finfo(grad.dtype).tiny)
