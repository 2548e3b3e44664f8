"""The contracts of the sampling core. Pure torch; see docs/adr/0001."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch


class Level(NamedTuple):
    """Noise level of each sample.

    Attributes:
        sigma: (B,) float, sqrt((1 - ab) / ab), variance-exploding scale.
        timestep: (B,) float, the training timestep that the model is told; may be fractional.
    """

    sigma: torch.Tensor
    timestep: torch.Tensor


Denoiser = Callable[[torch.Tensor, Level], torch.Tensor]
"""(x, level) -> x0. x: (B, C, h, w) = x0 + sigma * eps; x0 in the latent scale of the VAE."""


@dataclass(frozen=True)
class Schedule:
    """Noise levels of a run, on the CPU in float64.

    Attributes:
        sigmas: (n + 1,) descending; sigmas[i] is the level before step i, sigmas[n] the end point
            (0, or the sigma of alphas_cumprod[0] for DDIM without set_alpha_to_one).
        timesteps: (n,) what the model is told at each step.
        init_scale: The starting latents are noise * init_scale, in variance-exploding scale.
        final_scale: The latents that the VAE decodes are x * final_scale.
    """

    sigmas: torch.Tensor
    timesteps: torch.Tensor
    init_scale: float
    final_scale: float = 1.0

    @property
    def steps(self) -> int:
        return len(self.timesteps)


@dataclass(frozen=True)
class State:
    """All that a sampler needs, beside x, to go on after a step, bit for bit.

    Attributes:
        history: Named tensors of multistep methods, e.g. the previous x0.
        draws: How many times the noise source has been drawn from.
    """

    history: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    draws: int = 0


@dataclass(frozen=True)
class Step:
    """What a sampler yields after each step.

    Attributes:
        index: 0-based index of the step in its schedule.
        total: Steps of the schedule.
        sigma: Level that x stands at now (after the step).
        x: (B, C, h, w), variance-exploding scale.
        x0: (B, C, h, w), the predicted x0 that this step used.
        state: What to hand to `resume` to go on from here.
    """

    index: int
    total: int
    sigma: float
    x: torch.Tensor
    x0: torch.Tensor
    state: State


@dataclass(frozen=True)
class Resume:
    """Go on after step `index` of the same schedule with the state that it left."""

    index: int
    state: State


class NoiseSource(Protocol):
    """Noise for each image from its own seed, drawn as diffusers draws it."""

    @property
    def draws(self) -> int:
        """How many times `draw` was called."""
        ...

    def draw(self) -> torch.Tensor:
        """Next noise of every image, (B, C, h, w) float32, on the device of the run."""
        ...

    def skip_to(self, draws: int) -> None:
        """Brings the source to the state it has after `draws` draws."""
        ...


class Sampler(Protocol):
    """`x` is in variance-exploding scale at schedule.sigmas[start]."""

    def __call__(
        self,
        denoiser: Denoiser,
        x: torch.Tensor,
        schedule: Schedule,
        noise: NoiseSource,
        *,
        start: int = 0,
        resume: Resume | None = None,
        **options: Any,
    ) -> Iterator[Step]: ...
