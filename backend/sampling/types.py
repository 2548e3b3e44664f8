"""The contracts of the sampling core. Pure torch; see docs/adr/0001."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

from backend.contracts.errors import BadInput

if TYPE_CHECKING:
    import torch

    from backend.sampling.bounds import Bounds

VarianceType = Literal["fixed_small", "fixed_small_log", "fixed_large", "learned_range"]
"""What a step of `ddpm` adds: the posterior's variance (2006.11239, eq. 7), that of the forward
step (ibid., sec. 3.2), or one in between that the model tells (2102.09672, eq. 15)."""
Naming = Literal["ve", "vp", "flow"]
"""How a level is named, x = alpha x0 + sigma eps: alpha = 1 (variance-exploding, 2206.00364),
alpha^2 + sigma^2 = 1 (variance-preserving, 2006.11239) or alpha + sigma = 1 (flow, 2210.02747)."""


def alpha_of(ratio: float, naming: Naming) -> float:
    """alpha of the level whose noise is `ratio` = sigma / alpha times its signal."""
    match naming:
        case "ve":
            return 1.0
        case "vp":
            return 1.0 / math.sqrt(1.0 + ratio * ratio)
        case "flow":
            return 1.0 / (1.0 + ratio)


class Level(NamedTuple):
    """Noise level of each sample: x = alpha x0 + sigma eps.

    Attributes:
        alpha: (B,) float, how much of the signal x holds; 1 in variance-exploding naming.
        sigma: (B,) float, how much noise.
        timestep: (B,) float, what the model is told; may be fractional.
        value: The sigma / alpha that all samples share, as a Python number, so that a wrapper can
            branch on it without asking the device; None where the samples differ.
    """

    alpha: torch.Tensor
    sigma: torch.Tensor
    timestep: torch.Tensor
    value: float | None = None

    @classmethod
    def like(cls, x: torch.Tensor, ratio: float, timestep: float, naming: Naming = "ve") -> Level:
        """The same level for every sample of x: (B, ...), on its device, without a copy to it.

        Args:
            ratio: sigma / alpha.
            timestep: What the model is told.
            naming: Which alpha and sigma have that ratio.
        """
        import torch  # not above: what samplers there are is told before torch is there

        dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        alpha = alpha_of(ratio, naming)

        def full(value: float) -> torch.Tensor:
            return torch.full((x.shape[0],), value, dtype=dtype, device=x.device)

        return cls(full(alpha), full(ratio * alpha), full(timestep), ratio)

    def repeat(self, times: int) -> Level:
        """The level of a batch that holds each sample `times` over: [x, x, ...]."""
        alpha, sigma, timestep = (part.repeat(times) for part in self[:3])
        return Level(alpha, sigma, timestep, self.value)

    def rows(self, index: torch.Tensor) -> Level:
        """That of some of the samples."""
        return Level(self.alpha[index], self.sigma[index], self.timestep[index], self.value)

    def alpha_for(self, x: torch.Tensor) -> torch.Tensor:
        """alpha as (B, 1, 1, 1) in the dtype of x, to multiply with it."""
        return self.alpha.to(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))

    def sigma_for(self, x: torch.Tensor) -> torch.Tensor:
        """sigma as (B, 1, 1, 1) in the dtype of x, to multiply with it."""
        return self.sigma.to(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))


def floats(values: torch.Tensor) -> list[float]:
    """Python numbers of a one-dimensional tensor on the CPU."""
    untyped: Any = values
    return untyped.tolist()


Denoiser: TypeAlias = "Callable[[torch.Tensor, Level], torch.Tensor]"
"""(x, level) -> x0. x: (B, C, h, w) = alpha x0 + sigma eps; x0 in the latent scale of the VAE."""


class Spread:
    """What a model tells of the variance of the step to come, beside x0.

    A denoiser returns x0 alone, and guidance acts on that alone; the network leaves the variance
    here at each call, and `ddpm` takes it.
    """

    def __init__(self) -> None:
        self._fraction: torch.Tensor | None = None

    def put(self, fraction: torch.Tensor) -> None:
        """(B, C, h, w): -1 is the smaller variance, 1 the larger; of the prompt's half."""
        self._fraction = fraction

    def take(self, rows: int) -> torch.Tensor:
        """What the last call left for a batch of so many samples.

        Raises:
            BadInput: Several runs were asked together, so that it is not known whose it is.
        """
        fraction, self._fraction = self._fraction, None
        if fraction is None or len(fraction) != rows:
            raise BadInput(
                "This model tells the noise of each step of 'ddpm', which several runs side by "
                "side cannot share; take another sampler, or one strength at a time.",
                "sampler",
            )
        return fraction


@dataclass(frozen=True)
class Schedule:
    """Noise levels of a run, on the CPU in float64.

    A sampler steps over noise to signal, sigma / alpha, on x / alpha: that is variance-exploding
    scale, and there every naming takes the same steps. `naming` says what the model sees.

    Attributes:
        sigmas: (n + 1,) descending, sigma / alpha; sigmas[i] is the level before step i, sigmas[n]
            the end point (0, or the level of alphas_cumprod[0] for DDIM without set_alpha_to_one).
        timesteps: (n,) what the model is told at each step.
        init_scale: The starting latents are noise * init_scale, in variance-exploding scale.
        final_scale: The latents that the VAE decodes are x * final_scale.
        targets: (n,) the level at which step i ends, where that is not sigmas[i + 1]; only the
            DDIM of diffusers has it (it steps by T // n, whatever its next timestep is).
        naming: In which alpha and sigma the denoiser is asked.
        variance: What `ddpm` adds.
        bounds: Where each x0 is kept; None where the data have no range.
        spread: Where the model leaves a variance of its own, for `learned_range`.
        halves: (sigma, timestep) in the middle of each of the first steps, where `pndm` warms up
            by Runge-Kutta; () where it does not.
        averages: What the model was trained to say; `pndm` averages that, others step alike.
        straight: Of a flow model, whose paths run straight in time: what averages slopes does so
            in t = sigma / (alpha + sigma), and begins at nothing but noise.
    """

    sigmas: torch.Tensor
    timesteps: torch.Tensor
    init_scale: float
    final_scale: float = 1.0
    targets: torch.Tensor | None = None
    naming: Naming = "ve"
    variance: VarianceType = "fixed_small"
    bounds: Bounds | None = None
    spread: Spread | None = None
    halves: tuple[tuple[float, float], ...] = ()
    averages: Literal["epsilon", "v_prediction", "sample"] = "epsilon"
    straight: bool = False

    @property
    def steps(self) -> int:
        """Number of steps n."""
        return len(self.timesteps)

    @property
    def levels(self) -> list[float]:
        """`sigmas` as Python numbers."""
        return floats(self.sigmas)

    def asked(self, x: torch.Tensor, index: int) -> tuple[torch.Tensor, Level]:
        """What a denoiser is asked before step `index`: x in its naming, and the level.

        Args:
            x: (B, C, h, w), variance-exploding scale.
        """
        timestep = floats(self.timesteps[index : index + 1])[0]
        return self.asked_at(x, self.levels[index], timestep)

    def asked_at(
        self, x: torch.Tensor, sigma: float, timestep: float
    ) -> tuple[torch.Tensor, Level]:
        """The same at any level; sigma is sigma / alpha."""
        level = Level.like(x, sigma, timestep, self.naming)
        return (x if self.naming == "ve" else level.alpha_for(x) * x), level


@dataclass(frozen=True)
class State:
    """All that a sampler needs, beside x, to go on after a step, bit for bit.

    Attributes:
        history: Named tensors of multistep methods, e.g. the previous x0.
        draws: How many times the noise source has been drawn from.
    """

    history: dict[str, torch.Tensor] = field(default_factory=dict[str, "torch.Tensor"])
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
        forecast: The x0 was foretold, the model was not asked.
    """

    index: int
    total: int
    sigma: float
    x: torch.Tensor
    x0: torch.Tensor
    state: State
    forecast: bool = False


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
    """Walks down a schedule, one step a `next`.

    Args of a call:
        denoiser: Called once a step (twice by Heun).
        x: (B, C, h, w) at schedule.sigmas[start], or the `Step.x` that `resume` belongs to. It
            keeps its dtype, and the arithmetic of the steps runs in it (float32 recommended);
            coefficients are computed on the CPU in float64.
        schedule: From `schedule.make` for this sampler.
        noise: Where the random samplers draw; `resume` sets its position.
        start: First step of the run (image-to-image begins part-way).
        resume: Goes on after a step; excludes `start`.
    """

    def __call__(
        self,
        denoiser: Denoiser,
        x: torch.Tensor,
        schedule: Schedule,
        noise: NoiseSource,
        *,
        start: int = 0,
        resume: Resume | None = None,
    ) -> Generator[Step]: ...
