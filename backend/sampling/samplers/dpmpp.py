"""DPM-Solver++ of order 2, multistep (2211.01095), as an ODE and as an SDE solver.

With h = log(sigma / sigma') the paper's updates, divided by alpha', hold nothing but sigmas:
exp(-h) = sigma' / sigma, and x0 enters with alpha' / alpha' = 1.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING

from backend.contracts.samplers import SamplerEntry
from backend.sampling.samplers.spec import Conventions, SamplerSpec
from backend.sampling.samplers.walk import Walk
from backend.sampling.types import Denoiser, NoiseSource, Resume, Schedule, Step

if TYPE_CHECKING:
    import torch

_FEW_STEPS = 15  # below this diffusers' `lower_order_final` makes the last step first order


def dpmpp_2m(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """DPM-Solver++(2M), midpoint form (2211.01095, alg. 2). See `Sampler`."""
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    for i in walk.indices:
        x0 = walk.denoise(x, i)
        ratio = walk.sigmas[i + 1] / walk.sigmas[i]
        x = ratio * x + (1 - ratio) * _extrapolated(walk, i, x0)
        yield walk.step(i, x, x0, {"x0": x0})


def dpmpp_2m_sde(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """SDE-DPM-Solver++(2M), midpoint form (2211.01095, app. B.2). See `Sampler`."""
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    for i in walk.indices:
        x0 = walk.denoise(x, i)
        following = walk.sigmas[i + 1]
        square = (following / walk.sigmas[i]) ** 2
        x = square * x + (1 - square) * _extrapolated(walk, i, x0)
        if following > 0:
            x = x + following * math.sqrt(1 - square) * walk.draw()
        yield walk.step(i, x, x0, {"x0": x0})


def _extrapolated(walk: Walk, i: int, x0: torch.Tensor) -> torch.Tensor:
    """D_i of algorithm 2: x0 continued half a step ahead along the line from the last one."""
    previous = walk.history.get("x0")
    last = i == walk.steps - 1
    if previous is None or (last and (walk.steps < _FEW_STEPS or walk.sigmas[-1] == 0)):
        return x0
    h = math.log(walk.sigmas[i] / walk.sigmas[i + 1])
    weight = 0.5 * h / math.log(walk.sigmas[i - 1] / walk.sigmas[i])
    return (1 + weight) * x0 - weight * previous


_SCHEDULES = ("model", "karras", "exponential", "trailing", "ays")

SPECS = (
    SamplerSpec(
        SamplerEntry("dpmpp_2m", "DPM++ 2M", _SCHEDULES, automatic="karras"),
        dpmpp_2m,
        Conventions("solver", "linspace", ends_above_zero=True, cosine_cut=True),
        place=60,
        order=2,
    ),
    SamplerSpec(
        SamplerEntry(
            "dpmpp_2m_sde",
            "DPM++ 2M SDE",
            _SCHEDULES,
            near=("dpm++ 2m sde heun",),
            automatic="exponential",
            smooth=False,
        ),
        dpmpp_2m_sde,
        Conventions("solver", "linspace", ends_above_zero=True, cosine_cut=True),
        place=70,
        order=2,
    ),
)
