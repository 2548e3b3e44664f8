"""The samplers that add fresh noise at each step: DDIM with eta, DDPM, Euler ancestral.

In variance-exploding scale they are one rule. DDIM (2010.02502, eq. 12 and 16) divided by
sqrt(ab_p) reads  x' = x0 + sqrt(s'^2 - d^2) eps + d z,  d^2 = eta^2 s'^2 (s^2 - s'^2) / s^2,
which at eta 1 is DDPM's posterior (2006.11239, eq. 7) and k-diffusion's sigma_up. For a flow model
Euler ancestral goes down to the time t' t' / t and is noised from there, as ComfyUI has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from backend.contracts.samplers import SamplerEntry
from backend.contracts.settings.kinds import Variance
from backend.sampling.samplers.spec import Conventions, SamplerSpec
from backend.sampling.samplers.walk import Walk
from backend.sampling.types import Denoiser, NoiseSource, Resume, Schedule, Spread, Step, floats

if TYPE_CHECKING:
    import torch


def ddim(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    eta: float = 0.0,
    variance: Variance = "eta",
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """Denoising diffusion implicit models (2010.02502). Arguments: see `Sampler`.

    Where x0 is kept within bounds, the noise that is left stays as the model says it: diffusers'
    `use_clipped_model_output=False`.

    Args:
        eta: 0 is deterministic, 1 is DDPM.
        variance: `sigma_hat` keeps eta 1 in the mean and adds noise of variance 1 - ab_t / ab_p
            (ibid., sec. 5, the larger variance of DDPM), also at the last step unless that is
            timestep 0; `eta` is not read then.
    """
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    timesteps = floats(schedule.timesteps)
    targets = walk.sigmas[1:] if schedule.targets is None else floats(schedule.targets)
    for i in walk.indices:
        sigma, following = walk.sigmas[i], walk.sigmas[i + 1]
        target = targets[i]
        free = walk.predicted(x, i)
        x0 = walk.bounded(free)
        if variance == "sigma_hat":
            up = _up(sigma, target, 1.0)
            added = _sigma_hat(sigma, target) if timesteps[i] > 0 else 0.0
        else:
            up = added = _up(sigma, target, eta)
        ahead = _toward(x, free, sigma, target, up)
        x = ahead if x0 is free else ahead + (x0 - free)
        if added > 0:
            x = x + added * walk.draw()
        if target != following:
            # diffusers keeps x_t and takes it for one of the level of its next timestep.
            x = x * math.sqrt((following**2 + 1) / (target**2 + 1))
        yield walk.step(i, x, x0)


def ddpm(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """Ancestral sampling (2006.11239, eq. 6 and 7) with the schedule's variance. See `Sampler`."""
    if schedule.variance in ("fixed_small", "fixed_small_log"):
        return _ancestral(denoiser, x, schedule, noise, start, resume, _posterior)
    return _wider(denoiser, x, schedule, noise, start, resume)


def _wider(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    start: int,
    resume: Resume | None,
) -> Generator[Step]:
    """`ddpm` with the larger variance, or with one that the model tells at each step."""
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    timesteps = floats(schedule.timesteps)
    for i in walk.indices:
        sigma, following = walk.sigmas[i], walk.sigmas[i + 1]
        x0 = walk.denoise(x, i)
        told = None
        if schedule.variance == "learned_range":
            told = _told(schedule.spread, sigma, following, len(x))
        x = _toward(x, x0, sigma, following, _up(sigma, following, 1.0))
        if timesteps[i] > 0:
            fresh = walk.draw()
            x = x + (_sigma_hat(sigma, following) if told is None else told.to(x.dtype)) * fresh
        yield walk.step(i, x, x0)


def _told(spread: Spread | None, sigma: float, target: float, rows: int) -> torch.Tensor:
    """Deviation of the noise of a step, (B, C, h, w): 2102.09672, eq. 15, in this scale."""
    if spread is None:
        raise ValueError("the schedule wants a learned variance of a model that tells none")
    least, most = _up(sigma, target, 1.0), _sigma_hat(sigma, target)
    unit = math.sqrt(target**2 + 1)
    # In variance-preserving scale, where diffusers keeps the smaller one above 1e-20.
    low, high = (math.log(max((side / unit) ** 2, 1e-20)) for side in (least, most))
    share = (spread.take(rows) + 1) / 2
    return (0.5 * (share * high + (1 - share) * low)).exp() * unit


def euler_a(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """Euler steps to sigma_down, then noise of sigma_up (k-diffusion). See `Sampler`."""
    up = _up_straight if schedule.straight else _posterior
    return _ancestral(denoiser, x, schedule, noise, start, resume, up)


def _ancestral(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    start: int,
    resume: Resume | None,
    up_of: Callable[[float, float], float],
) -> Generator[Step]:
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    for i in walk.indices:
        sigma, following = walk.sigmas[i], walk.sigmas[i + 1]
        x0 = walk.denoise(x, i)
        up = up_of(sigma, following)
        x = _toward(x, x0, sigma, following, up)
        if up > 0:
            x = x + up * walk.draw()
        yield walk.step(i, x, x0)


def _up(sigma: float, target: float, eta: float) -> float:
    """Standard deviation of the fresh noise of a step from sigma to target."""
    return eta * target * math.sqrt(max(sigma**2 - target**2, 0.0)) / sigma


def _posterior(sigma: float, target: float) -> float:
    return _up(sigma, target, 1.0)


def _up_straight(sigma: float, target: float) -> float:
    """The noise from the level of t' t' / t up to that of t', over its signal."""
    time, following = sigma / (1 + sigma), target / (1 + target)
    down = following**2 / time
    return math.sqrt(max(target**2 - (down / (1 - down)) ** 2, 0.0))


def _sigma_hat(sigma: float, target: float) -> float:
    """sqrt(1 - ab_t / ab_p), divided by sqrt(ab_p) for variance-exploding scale."""
    return math.sqrt(max(sigma**2 - target**2, 0.0) * (target**2 + 1) / (sigma**2 + 1))


def _toward(
    x: torch.Tensor, x0: torch.Tensor, sigma: float, target: float, up: float
) -> torch.Tensor:
    """x0 + sqrt(target^2 - up^2) eps, written without the difference x - x0."""
    ratio = math.sqrt(max(target**2 - up**2, 0.0)) / sigma
    return ratio * x + (1 - ratio) * x0


SPECS = (
    SamplerSpec(
        SamplerEntry("ddim", "DDIM", ("model", "trailing"), has_eta=True, inverts=True),
        ddim,
        Conventions("vp", "leading", zero_snr="exact", strides=True),
        place=0,
    ),
    SamplerSpec(
        SamplerEntry("ddpm", "DDPM", ("model", "trailing", "ays"), smooth=False),
        ddpm,
        Conventions("vp", "leading", zero_snr="exact"),
        place=10,
    ),
    SamplerSpec(
        SamplerEntry(
            "euler_a",
            "Euler a",
            ("model", "trailing"),
            ("euler ancestral", "euler_ancestral", "k_euler_a"),
            smooth=False,
        ),
        euler_a,
        Conventions("ve", "linspace"),
        place=30,
    ),
)
