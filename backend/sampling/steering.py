"""Steering: the prediction is moved towards pictures of low loss, a few times in a run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch

from backend.sampling.types import Denoiser, Level, Schedule

Loss = Callable[[torch.Tensor], torch.Tensor]
"""Pictures (B, 3, H, W), about in [0, 1] -> (B,), one value a picture, so that none depends on
its batch."""
HIGHEST_VARIANCE = 1.0
"""(sigma / alpha)^2 above which a push grows no further: what is drawn at such levels is mostly
noise, and a move by its variance would leave the data."""


@dataclass(frozen=True)
class Steering:
    """What pulls, how hard, and at which steps; see docs/adr/0018.

    Attributes:
        loss: What is to become small.
        scale: 1 is a clear pull for every loss; 0 is none.
        spacing: Steps between two pushes; each acts for as many.
        levels: sigma / alpha of the steps that push.
    """

    loss: Loss
    scale: float
    spacing: int
    levels: Collection[float]


def pushing(
    schedule: Schedule, spacing: int, first: int = 0, start: float = 0.0, end: float = 1.0
) -> frozenset[float]:
    """The levels of every `spacing`-th step of a part of a run.

    Args:
        schedule: Whose steps.
        spacing: 1 is every step.
        first: The step the run begins with, see `guidance.sigma_range`; steps count from there.
        start: Fraction of the run at which pushes begin.
        end: Fraction at which they end.
    """
    total = schedule.steps - first
    steps = range(0, total, spacing)
    active = [i for i in steps if i + first >= 0 and i / total >= start and (i + 1) / total <= end]
    return frozenset(schedule.levels[first + i] for i in active)


def steered(
    denoiser: Denoiser,
    decode: Callable[[torch.Tensor], torch.Tensor],
    steering: Steering,
    tell: Callable[[float, torch.Tensor], None] | None = None,
) -> Denoiser:
    """Moves x0 by -scale n min((sigma / alpha)^2, cap) N dL/dx0 at the steps that push.

    Never further than to where the loss, were it straight, would be 0: beyond that a strong pull
    would swing about what it wants.

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
        with torch.inference_mode(False), torch.enable_grad():
            leaf = x0.detach().clone().requires_grad_()
            losses = steering.loss(decode(leaf))
            (grad,) = torch.autograd.grad(losses.sum(), leaf)
        if tell is not None:
            tell(level.value, losses.detach())
        variance = (level.sigma_for(x0) / level.alpha_for(x0)).square().clamp(max=HIGHEST_VARIANCE)
        wanted = steering.scale * steering.spacing * x0[0].numel() * variance
        return x0 - torch.minimum(wanted, _to_the_bottom(losses.detach(), grad)) * grad

    return push


def _to_the_bottom(losses: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    """How far to go down each gradient until its tangent is at 0 (Polyak 1987), (B, 1, 1, 1)."""
    steepness = grad.square().sum(dim=(1, 2, 3), keepdim=True)
    return losses.to(grad).reshape(-1, 1, 1, 1) / steepness.clamp(min=torch.finfo(grad.dtype).tiny)
