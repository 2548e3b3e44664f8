"""The samplers that add fresh noise at each step: DDIM with eta, DDPM, Euler ancestral.

In variance-exploding scale they are one rule. DDIM (2010.02502, eq. 12 and 16) divided by
sqrt(ab_p) reads  x' = x0 + sqrt(s'^2 - d^2) eps + d z,  d^2 = eta^2 s'^2 (s^2 - s'^2) / s^2,
which at eta 1 is DDPM's posterior (2006.11239, eq. 7) and k-diffusion's sigma_up.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Literal

from backend.contracts.samplers import SamplerEntry
from backend.sampling.samplers.spec import Conventions, SamplerSpec
from backend.sampling.samplers.walk import Walk
from backend.sampling.types import Denoiser, NoiseSource, Resume, Schedule, Step, floats

if TYPE_CHECKING:
    import torch

Variance = Literal["eta", "sigma_hat"]


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

    Args:
        eta: 0 is deterministic, 1 is DDPM.
        variance: `sigma_hat` keeps eta 1 in the mean and adds noise of variance 1 - ab_t / ab_p
            (ibid., sec. 5, the larger variance of DDPM); `eta` is not read then. None is added
            by a step that ends at sigma 0.
    """
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    targets = walk.sigmas[1:] if schedule.targets is None else floats(schedule.targets)
    for i in walk.indices:
        sigma, following = walk.sigmas[i], walk.sigmas[i + 1]
        target = targets[i]
        x0 = walk.denoise(x, i)
        if variance == "sigma_hat":
            up = _up(sigma, target, 1.0)
            added = _sigma_hat(sigma, target)
        else:
            up = added = _up(sigma, target, eta)
        x = _toward(x, x0, sigma, target, up)
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
    """Ancestral sampling with the smaller variance (2006.11239, eq. 6 and 7). See `Sampler`."""
    return _ancestral(denoiser, x, schedule, noise, start, resume)


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
    return _ancestral(denoiser, x, schedule, noise, start, resume)


def _ancestral(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    start: int,
    resume: Resume | None,
) -> Generator[Step]:
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    for i in walk.indices:
        sigma, following = walk.sigmas[i], walk.sigmas[i + 1]
        x0 = walk.denoise(x, i)
        up = _up(sigma, following, 1.0)
        x = _toward(x, x0, sigma, following, up)
        if up > 0:
            x = x + up * walk.draw()
        yield walk.step(i, x, x0)


def _up(sigma: float, target: float, eta: float) -> float:
    """Standard deviation of the fresh noise of a step from sigma to target."""
    return eta * target * math.sqrt(max(sigma**2 - target**2, 0.0)) / sigma


def _sigma_hat(sigma: float, target: float) -> float:
    """sqrt(1 - ab_t / ab_p), divided by sqrt(ab_p) for variance-exploding scale."""
    if target == 0:
        return 0.0
    return math.sqrt(max(sigma**2 - target**2, 0.0) * (target**2 + 1) / (sigma**2 + 1))


def _toward(
    x: torch.Tensor, x0: torch.Tensor, sigma: float, target: float, up: float
) -> torch.Tensor:
    """x0 + sqrt(target^2 - up^2) eps, written without the difference x - x0."""
    ratio = math.sqrt(max(target**2 - up**2, 0.0)) / sigma
    return ratio * x + (1 - ratio) * x0


SPECS = (
    SamplerSpec(
        SamplerEntry("ddim", "DDIM", ("model",), has_eta=True, inverts=True),
        ddim,
        Conventions("vp", "leading", zero_snr="exact", strides=True),
        place=0,
    ),
    SamplerSpec(
        SamplerEntry("ddpm", "DDPM", ("model", "trailing", "ays")),
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
        ),
        euler_a,
        Conventions("ve", "linspace"),
        place=30,
    ),
)
