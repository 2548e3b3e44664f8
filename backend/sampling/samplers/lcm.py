"""Multistep sampling of latent consistency models (2310.04378, alg. 3)."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING

from backend.contracts.samplers import SamplerEntry
from backend.sampling.samplers.spec import Conventions, SamplerSpec
from backend.sampling.samplers.walk import Walk
from backend.sampling.types import Denoiser, NoiseSource, Resume, Schedule, Step, floats

if TYPE_CHECKING:
    import torch

_SIGMA_DATA = 0.5
_TIMESTEP_SCALING = 10.0


def lcm(
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """Jumps to x0 and noises it to the next level, until the last step leaves x0 itself.

    `Step.x0` is the consistency function c_skip x_t + c_out x0. See `Sampler`.
    """
    walk = Walk(denoiser, x, schedule, noise, start, resume)
    timesteps = floats(schedule.timesteps)
    for i in walk.indices:
        scaled = timesteps[i] * _TIMESTEP_SCALING
        square = scaled**2 + _SIGMA_DATA**2
        skip, out = _SIGMA_DATA**2 / square, scaled / math.sqrt(square)
        # x_t, the input of the model, has unit variance.
        skip /= math.sqrt(walk.sigmas[i] ** 2 + 1)
        if schedule.straight:
            skip, out = 0.0, 1.0  # a flow model's x0 is taken as it is
        x0 = out * walk.denoise(x, i) + skip * x
        following = walk.sigmas[i + 1]
        x = x0 + following * walk.draw() if following > 0 else x0
        yield walk.step(i, x, x0)


SPECS = (
    SamplerSpec(
        SamplerEntry("lcm", "LCM", ("model",), smooth=False),
        lcm,
        Conventions(
            "vp",
            "leading",
            (0.00085, 0.012, "scaled_linear"),
            zero_snr="exact",
            distilled=True,
        ),
        place=90,
    ),
)
