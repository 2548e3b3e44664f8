"""Several runs down one schedule from different steps, advanced together.

At each step all of them stand at the same level, so the model is asked once for all, while each
keeps its own sampler, history and noise: together they give what each gives alone.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch

from backend.contracts.settings.kinds import Variance
from backend.sampling.samplers import sample
from backend.sampling.types import Denoiser, Level, NoiseSource, Schedule, State, Step


@dataclass(frozen=True, eq=False)
class Lane:
    """One of the runs.

    Attributes:
        denoiser: Takes batches of B and multiples of it; lanes that share it are asked together.
        start: First step that it runs.
        x: (B, C, h, w) at the level of that step.
        noise: Its own source.
        idle: (B, C, h, w), what is shown as its x0 before it starts.
    """

    denoiser: Denoiser
    start: int
    x: torch.Tensor
    noise: NoiseSource
    idle: torch.Tensor


def lockstep(
    name: str,
    lanes: Sequence[Lane],
    schedule: Schedule,
    *,
    eta: float = 0.0,
    variance: Variance = "eta",
) -> Generator[Step]:
    """Yields one `Step` for all lanes, stacked in their order; it cannot be resumed.

    Args:
        name: The sampler of every lane.
        lanes: At least one.
        schedule: The same for all.
        eta: As in `sample`.
        variance: As in `sample`.
    """
    runs = [_Run(name, lane, schedule, eta, variance) for lane in lanes]
    levels = schedule.levels
    for index in range(min(lane.start for lane in lanes), schedule.steps):
        active = [run for run in runs if run.lane.start <= index]
        _ask(active, schedule, index)
        for run in active:
            run.advance()
        yield Step(
            index,
            schedule.steps,
            levels[index + 1],
            torch.cat([run.x for run in runs]),
            torch.cat([run.x0 for run in runs]),
            State(),
        )


class _Run:
    """A lane under way: where it stands, and what the model said for its next step."""

    def __init__(
        self, name: str, lane: Lane, schedule: Schedule, eta: float, variance: Variance
    ) -> None:
        self.lane = lane
        self.x = lane.x
        self.x0 = lane.idle
        self.answer: torch.Tensor | None = None
        self._steps = sample(
            name,
            self._denoise,
            lane.x,
            schedule,
            lane.noise,
            eta=eta,
            variance=variance,
            start=lane.start,
        )

    def advance(self) -> None:
        step = next(self._steps)
        self.x, self.x0 = step.x, step.x0

    def _denoise(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        # The first question of a step is answered already; Heun asks a second.
        if self.answer is not None:
            answer, self.answer = self.answer, None
            return answer
        return self.lane.denoiser(x, level)


def _ask(runs: Sequence[_Run], schedule: Schedule, index: int) -> None:
    """Asks the model once for all runs that share a denoiser."""
    groups: dict[int, list[_Run]] = {}
    for run in runs:
        groups.setdefault(id(run.lane.denoiser), []).append(run)
    for group in groups.values():
        x, level = schedule.asked(torch.cat([run.x for run in group]), index)
        with torch.no_grad():
            x0 = group[0].lane.denoiser(x, level)
        for run, answer in zip(group, x0.chunk(len(group)), strict=True):
            run.answer = answer
