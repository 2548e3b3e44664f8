"""DPM-Solver++(3M) as an SDE solver, as k-diffusion takes its steps (2211.01095, app. B)."""

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


def dpmpp_3m_sde(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """SDE-DPM-Solver++(3M) of k-diffusion, eta = 1. See `Sampler`.

    With h = log(sigma / sigma') a step is exp(-2h) x + the integral of 2 exp(-2 (h - s)) D(s) over
    0..h; D goes through the last x0, in the first steps fewer, of three.
    """
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    for i in walk.indices:
        x0 = walk.denoise(x, i)
        following = walk.sigmas[i + 1]
        square = (following / walk.sigmas[i]) ** 2
        x = square * x + (1 - square) * x0
        if following > 0:
            x = x + _bent(walk, i, x0) + following * math.sqrt(1 - square) * walk.draw()
        history = {"x0": x0}
        if "x0" in walk.history:
            history["before"] = walk.history["x0"]
        yield walk.step(i, x, x0, history)


def _bent(walk: Walk, i: int, x0: torch.Tensor) -> torch.Tensor | float:
    """What the slope and the bend of the last x0 add to a step that takes x0 for constant."""
    previous, before = walk.history.get("x0"), walk.history.get("before")
    if previous is None:
        return 0.0
    h = math.log(walk.sigmas[i] / walk.sigmas[i + 1])
    phi_2 = math.expm1(-2 * h) / (2 * h) + 1
    r0 = math.log(walk.sigmas[i - 1] / walk.sigmas[i]) / h
    slope = (x0 - previous) / r0
    if before is None:
        return phi_2 * slope
    r1 = math.log(walk.sigmas[i - 2] / walk.sigmas[i - 1]) / h
    bend = (slope - (previous - before) / r1) / (r0 + r1)
    phi_3 = phi_2 / (2 * h) - 0.5
    return phi_2 * (slope + r0 * bend) - phi_3 * bend


SPECS = (
    SamplerSpec(
        SamplerEntry(
            "dpmpp_3m_sde",
            "DPM++ 3M SDE",
            ("model", "karras", "exponential", "trailing", "ays"),
            automatic="exponential",
            smooth=False,
        ),
        dpmpp_3m_sde,
        Conventions("solver", "linspace", ends_above_zero=True, cosine_cut=True),
        place=75,
        order=2,
    ),
)
