"""What every sampler shares: where it begins, how it calls the denoiser, what it yields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.sampling.types import (
    Denoiser,
    Level,
    NoiseSource,
    Resume,
    Schedule,
    State,
    Step,
)

if TYPE_CHECKING:
    import torch


class Walk:
    """One way down a schedule.

    The levels are Python floats from here on, so nothing in a sampler's loop asks the device.

    Attributes:
        sigmas: n + 1 levels.
        steps: n.
        first: The step to begin with.
        history: What the step before left, empty at a fresh start.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        x: torch.Tensor,
        schedule: Schedule,
        noise: NoiseSource,
        start: int,
        resume: Resume | None,
    ) -> None:
        if resume is not None and start:
            raise ValueError("a run either starts part-way or resumes, not both")
        self._denoiser = denoiser
        self._noise = noise
        self._dtype = x.dtype
        self.sigmas = schedule.levels
        self._schedule = schedule
        self.steps = schedule.steps
        self.first = start if resume is None else resume.index + 1
        if not 0 <= self.first <= self.steps:
            raise ValueError(f"step {self.first} lies outside a schedule of {self.steps} steps")
        self.history: dict[str, torch.Tensor] = {}
        if resume is not None:
            self.history = dict(resume.state.history)
            noise.skip_to(resume.state.draws)

    @property
    def indices(self) -> range:
        """The steps of the run."""
        return range(self.first, self.steps)

    def denoise(self, x: torch.Tensor, index: int) -> torch.Tensor:
        """x0 at the level of step `index`, within its bounds, in the dtype of the run."""
        return self.bounded(self.predicted(x, index))

    def bounded(self, x0: torch.Tensor) -> torch.Tensor:
        """x0 where the data lie; itself where they have no range."""
        bounds = self._schedule.bounds
        return x0 if bounds is None else bounds(x0)

    def predicted(self, x: torch.Tensor, index: int) -> torch.Tensor:
        """x0 as the model says it, in the dtype of the run."""
        return self._asked(*self._schedule.asked(x, index))

    def predicted_at(self, x: torch.Tensor, sigma: float, timestep: float) -> torch.Tensor:
        """The same at a level that is none of the schedule's."""
        return self._asked(*self._schedule.asked_at(x, sigma, timestep))

    def _asked(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        import torch  # not above: what samplers there are is told before torch is there

        # Here rather than around the loop: gradient mode belongs to the thread, and the consumer
        # of a generator may ask for each step from another one.
        with torch.no_grad():
            return self._denoiser(x, level).to(self._dtype)

    def line(self, index: int) -> tuple[float, float]:
        """(alpha, time) of a level on the line along which slopes are averaged.

        y = alpha x follows dy / dtime = (y - x0) / time, for noise over signal as for a flow's t.
        """
        sigma = self.sigmas[index]
        if not self._schedule.straight:
            return 1.0, sigma
        return 1 / (1 + sigma), sigma / (1 + sigma)

    def draw(self) -> torch.Tensor:
        """Fresh noise in the dtype of the run."""
        return self._noise.draw().to(self._dtype)

    def step(
        self,
        index: int,
        x: torch.Tensor,
        x0: torch.Tensor,
        history: dict[str, torch.Tensor] | None = None,
    ) -> Step:
        """Packs the result of step `index`; `history` is what the next step will ask for."""
        self.history = history or {}
        state = State(dict(self.history), self._noise.draws)
        return Step(index, self.steps, self.sigmas[index + 1], x, x0, state)
