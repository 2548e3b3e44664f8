"""Pseudo numerical methods (PNDM, 2202.09778): linear multistep on even time steps.

The transfer of eq. 9 is, divided by sqrt(ab), a step of x by (sigma' - sigma) eps. What the model
said is averaged, noise or, as in diffusers, velocity. The first steps have no history: with
`skip_prk_steps` (PLMS) the first one looks twice, as Heun does; without it the first three are of
Runge-Kutta (alg. 2), four looks each.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.contracts.samplers import SamplerEntry
from backend.sampling.samplers.spec import Conventions, SamplerSpec
from backend.sampling.samplers.walk import Walk
from backend.sampling.types import Denoiser, NoiseSource, Resume, Schedule, Step, floats

if TYPE_CHECKING:
    import torch

# Adams-Bashforth over even steps, the newest first (ibid., eq. 12).
_WEIGHTS = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
_SIMPSON = (1 / 6, 2 / 6, 2 / 6, 1 / 6)


@dataclass(frozen=True, eq=False)
class _Place:
    """A point that a step looks from.

    Attributes:
        x: In variance-exploding scale.
        sigma: Its level.
        velocity: What is averaged is v instead of eps.
    """

    x: torch.Tensor
    sigma: float
    velocity: bool

    def said(self, x0: torch.Tensor) -> torch.Tensor:
        """What the model said, of the x0 that follows from it."""
        eps = (self.x - x0) / self.sigma
        return (eps - self.sigma * x0) / math.sqrt(1 + self.sigma**2) if self.velocity else eps

    def moved(self, said: torch.Tensor, target: float) -> torch.Tensor:
        """x at another level."""
        unit = 1 + self.sigma**2
        eps = said / math.sqrt(unit) + (self.sigma / unit) * self.x if self.velocity else said
        return self.x + (target - self.sigma) * eps


def pndm(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """See `Sampler`. As in diffusers, bounds hold for the x0 that is shown, not for the steps."""
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    targets = walk.sigmas[1:] if schedule.targets is None else floats(schedule.targets)
    velocity = schedule.averages == "v_prediction"
    past = [walk.history[key] for key in sorted(walk.history)]
    for i in walk.indices:
        target, following = targets[i], walk.sigmas[i + 1]
        here = _Place(x, walk.sigmas[i], velocity)
        x0 = walk.predicted(x, i)
        # diffusers keeps x_t and takes it for one of the level of its next timestep.
        scale = math.sqrt((following**2 + 1) / (target**2 + 1)) if target != following else 1.0
        past = [here.said(x0), *past][: len(_WEIGHTS)]
        if i < len(schedule.halves) and len(past) == i + 1:
            mixed = _runge_kutta(walk, here, past[0], i, target, schedule.halves[i])
        elif len(past) == 1 and i + 1 < walk.steps:
            ahead = _Place(here.moved(past[0], target) * scale, following, velocity)
            mixed = (past[0] + ahead.said(walk.predicted(ahead.x, i + 1))) / 2
        else:
            mixed = _mixed(past, _WEIGHTS[len(past) - 1])
        x = here.moved(mixed, target) * scale
        kept = {f"said_{k}": each for k, each in enumerate(past[: len(_WEIGHTS) - 1])}
        yield walk.step(i, x, walk.bounded(x0), kept)


def _runge_kutta(
    walk: Walk,
    here: _Place,
    first: torch.Tensor,
    index: int,
    target: float,
    half: tuple[float, float],
) -> torch.Tensor:
    """What is said on average over a step; `half` is the level in its middle and its timestep."""
    middle, timestep = half

    def look(said: torch.Tensor) -> torch.Tensor:
        there = _Place(here.moved(said, middle), middle, here.velocity)
        return there.said(walk.predicted_at(there.x, middle, timestep))

    second = look(first)
    third = look(second)
    end = _Place(here.moved(third, target), target, here.velocity)
    fourth = end.said(walk.predicted(end.x, index + 1))
    return _mixed((first, second, third, fourth), _SIMPSON)


def _mixed(said: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    total = said[0] * weights[0]
    for weight, each in zip(weights[1:], said[1:], strict=True):
        total = total + weight * each
    return total


SPECS = (
    SamplerSpec(
        SamplerEntry("pndm", "PNDM", ("model",), ("plms",)),
        pndm,
        Conventions("vp", "leading", zero_snr="ignored", strides=True, warms_up=True, flows=False),
        place=55,
        order=2,
        warm_up_calls=1,
    ),
)
