"""Solvers of dx/dsigma = (x - D(x, sigma)) / sigma (2206.00364, eq. 5): Euler, Heun, LMS.

A flow model's equation in its time is the same one, for x in its own scale (see `Walk.line`).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from backend.contracts.samplers import SamplerEntry
from backend.sampling.samplers.spec import Conventions, SamplerSpec
from backend.sampling.samplers.walk import Walk
from backend.sampling.types import Denoiser, NoiseSource, Resume, Schedule, Step

if TYPE_CHECKING:
    import torch

_LMS_ORDER = 4


def euler(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """Euler's method, which in sigma is DDIM with eta 0; levels may also rise (inversion)."""
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    for i in walk.indices:
        ratio = walk.sigmas[i + 1] / walk.sigmas[i]
        x0 = walk.denoise(x, i)
        x = ratio * x + (1 - ratio) * x0
        yield walk.step(i, x, x0)


def heun(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """Heun's method (2206.00364, alg. 1): two model calls a step, one in a step to sigma 0."""
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    for i in walk.indices:
        (alpha, time), (alpha_ahead, following) = walk.line(i), walk.line(i + 1)
        x0 = walk.denoise(x, i)
        x = alpha * x
        slope = (x - x0) / time
        end = x + (following - time) * slope
        if i + 1 < walk.steps:
            ahead = (end - walk.denoise(end / alpha_ahead, i + 1)) / following
            end = x + (following - time) * 0.5 * (slope + ahead)
        x = end / alpha_ahead
        yield walk.step(i, x, x0)


def lms(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """Linear multistep (Adams-Bashforth over uneven levels) of order 4. See `Sampler`.

    The order grows with the slopes known since the start of the run. diffusers takes it from the
    index in the schedule instead, which part-way down asks for slopes that do not exist.
    """
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    slopes = [walk.history[key] for key in sorted(walk.history)]
    for i in walk.indices:
        (alpha, time), (alpha_ahead, following) = walk.line(i), walk.line(i + 1)
        x0 = walk.denoise(x, i)
        x = alpha * x
        slopes = [(x - x0) / time, *slopes][:_LMS_ORDER]
        nodes = [walk.line(i - k)[1] for k in range(len(slopes))]
        for weight, slope in zip(_weights(nodes, following), slopes, strict=True):
            x = x + weight * slope
        x = x / alpha_ahead
        kept = {f"slope_{k}": slope for k, slope in enumerate(slopes[: _LMS_ORDER - 1])}
        yield walk.step(i, x, x0, kept)


def _weights(nodes: Sequence[float], end: float) -> list[float]:
    """Integrals from nodes[0] to end of the Lagrange polynomials over the nodes.

    Two Gauss-Legendre points integrate the cubics of order 4 exactly.
    """
    middle, half = (nodes[0] + end) / 2, (end - nodes[0]) / 2
    points = (middle - half / math.sqrt(3), middle + half / math.sqrt(3))
    return [half * sum(_lagrange(nodes, k, point) for point in points) for k in range(len(nodes))]


def _lagrange(nodes: Sequence[float], k: int, at: float) -> float:
    return math.prod((at - node) / (nodes[k] - node) for j, node in enumerate(nodes) if j != k)


SPECS = (
    SamplerSpec(
        SamplerEntry(
            "euler", "Euler", ("model", "karras", "exponential", "trailing", "ays"), ("k_euler",)
        ),
        euler,
        Conventions("ve", "linspace", ends_above_zero=True),
        place=20,
    ),
    SamplerSpec(
        SamplerEntry(
            "heun", "Heun", ("model", "karras", "exponential", "trailing", "ays"), ("k_heun",)
        ),
        heun,
        Conventions("ve", "linspace", (0.00085, 0.012, "linear"), zero_snr="ignored"),
        place=40,
        order=2,
        calls_per_step=2,
    ),
    SamplerSpec(
        SamplerEntry("lms", "LMS", ("model", "karras", "exponential", "trailing"), ("k_lms",)),
        lms,
        Conventions("ve", "linspace", zero_snr="ignored", karras_range=False),
        place=50,
        order=_LMS_ORDER,
    ),
)
