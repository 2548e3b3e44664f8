"""The samplers, one function each, and the uniform call."""

from __future__ import annotations

from collections.abc import Generator, Mapping

import torch

from backend.contracts.errors import BadInput
from backend.contracts.settings import SamplerName
from backend.sampling.samplers.ancestral import Variance, ddim, ddpm, euler_a
from backend.sampling.samplers.dpmpp import dpmpp_2m, dpmpp_2m_sde
from backend.sampling.samplers.lcm import lcm
from backend.sampling.samplers.ode import euler, heun, lms
from backend.sampling.samplers.unipc import unipc
from backend.sampling.types import Denoiser, NoiseSource, Resume, Sampler, Schedule, Step

__all__ = [
    "SAMPLERS",
    "ddim",
    "ddpm",
    "dpmpp_2m",
    "dpmpp_2m_sde",
    "euler",
    "euler_a",
    "heun",
    "lcm",
    "lms",
    "model_calls",
    "sample",
    "unipc",
]

SAMPLERS: Mapping[SamplerName, Sampler] = {
    "ddim": ddim,
    "ddpm": ddpm,
    "euler": euler,
    "euler_a": euler_a,
    "heun": heun,
    "lms": lms,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": dpmpp_2m_sde,
    "unipc": unipc,
    "lcm": lcm,
}


def sample(
    name: SamplerName,
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
    """Runs the sampler of that name; arguments as in `Sampler`.

    Args:
        eta: Fresh noise per step of `ddim`, 0..1.
        variance: Of `ddim`, see there.

    Raises:
        BadInput: eta or variance is set for a sampler that has none.
    """
    if name == "ddim":
        return ddim(
            denoiser, x, schedule, noise, eta=eta, variance=variance, start=start, resume=resume
        )
    if eta != 0 or variance != "eta":
        raise BadInput(f"Only the sampler 'ddim' has an eta; set it to 0 for '{name}'.", "eta")
    return SAMPLERS[name](denoiser, x, schedule, noise, start=start, resume=resume)


def model_calls(name: SamplerName, steps: int) -> int:
    """How often a run of that many steps calls the denoiser."""
    return 2 * steps - 1 if name == "heun" and steps else steps
