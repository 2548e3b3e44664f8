"""UniPC of order 2 with B_2(h), data prediction (2302.04867, alg. 5 to 8).

Divided by alpha', every update holds only sigmas: with hh = -log(sigma / sigma'),
exp(hh) = sigma' / sigma and B_2(h) = exp(hh) - 1.
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


def unipc(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """Predicts x with UniP, and corrects it by UniC once its x0 is known. See `Sampler`.

    `Step.x` is the prediction; the next step corrects it with the same model call.
    """
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    for i in walk.indices:
        x0 = walk.denoise(x, i)
        if walk.history:
            x = _corrected(walk, i, x0)
        previous = walk.history.get("x0")
        ratio = walk.sigmas[i + 1] / walk.sigmas[i]
        ahead = x0
        if previous is not None and i < walk.steps - 1:
            # Order 2 has rho = 1/2; D1 / r = (x0_before - x0) / r, r = -h_before / h.
            h = math.log(walk.sigmas[i] / walk.sigmas[i + 1])
            weight = 0.5 * h / math.log(walk.sigmas[i - 1] / walk.sigmas[i])
            ahead = (1 + weight) * x0 - weight * previous
        history = {"x": x, "x0": x0}
        if previous is not None:
            history["x0_before"] = previous
        x = ratio * x + (1 - ratio) * ahead
        yield walk.step(i, x, x0, history)


def _corrected(walk: Walk, i: int, x0: torch.Tensor) -> torch.Tensor:
    """UniC for the step that led to level i, now that its x0 is known."""
    x, first = walk.history["x"], walk.history["x0"]
    before = walk.history.get("x0_before")
    sigma, reached = walk.sigmas[i - 1], walk.sigmas[i]
    ratio = reached / sigma
    drift = 0.5 * (x0 - first)
    if before is not None:
        hh = math.log(ratio)
        r = math.log(walk.sigmas[i - 2] / sigma) / hh
        known, new = _rhos(hh, r)
        drift = known / r * (before - first) + new * (x0 - first)
    return ratio * x + (1 - ratio) * (first + drift)


def _rhos(hh: float, r: float) -> tuple[float, float]:
    """Solves R rho = b for order 2 (ibid., eq. 8): rows (1, 1) and (r, 1)."""
    big = math.expm1(hh)
    phi_1 = big / hh - 1
    phi_2 = phi_1 / hh - 0.5
    b_1, b_2 = phi_1 / big, 2 * phi_2 / big
    known = (b_1 - b_2) / (1 - r)
    return known, b_1 - known


SPECS = (
    SamplerSpec(
        SamplerEntry("unipc", "UniPC", ("model", "karras", "exponential", "trailing"), ("uni_pc",)),
        unipc,
        Conventions("solver", "linspace", ends_above_zero=True, ends_on_curve=True),
        place=80,
        order=2,
    ),
)
