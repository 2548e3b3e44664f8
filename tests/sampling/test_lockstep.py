"""Runs side by side give what each gives alone."""

from __future__ import annotations

import pytest
import torch

from backend.sampling.config import SchedulerConfig
from backend.sampling.lockstep import Lane, lockstep
from backend.sampling.noise import SeededNoise
from backend.sampling.samplers import SPECS, sample
from backend.sampling.schedule import make
from backend.sampling.types import Level
from tests.samplers import SCHEDULES_OF

SHAPE = (4, 3, 2)
STARTS = (5, 0, 3, 5)


class Bent:
    """A nonlinear denoiser that notes the sizes of the batches it is asked for."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        self.batches.append(len(x))
        return torch.tanh(x / (1 + level.sigma_for(x))) + 0.1


@pytest.mark.parametrize("name", list(SCHEDULES_OF))
def test_each_lane_ends_where_its_run_alone_ends(name: str) -> None:
    schedule = make(name, SCHEDULES_OF[name][0], 9, SchedulerConfig())
    x = SeededNoise([1], SHAPE, dtype=torch.float64).draw()
    starts = [schedule.levels[start] * x for start in STARTS]

    def noise() -> SeededNoise:
        return SeededNoise([2], SHAPE, dtype=torch.float64)

    alone = [
        [step for step in sample(name, Bent(), begin, schedule, noise(), start=start)]
        for start, begin in zip(STARTS, starts, strict=True)
    ]
    shared = Bent()
    lanes = [
        Lane(shared, start, begin, noise(), x) for start, begin in zip(STARTS, starts, strict=True)
    ]
    steps = list(lockstep(name, lanes, schedule))
    assert [step.index for step in steps] == list(range(9))
    for row, run in enumerate(alone):
        torch.testing.assert_close(steps[-1].x[row : row + 1], run[-1].x, rtol=0, atol=1e-12)
        torch.testing.assert_close(steps[-1].x0[row : row + 1], run[-1].x0, rtol=0, atol=1e-12)
    if SPECS[name].calls_per_step == 1 and not SPECS[name].warm_up_calls:
        assert shared.batches == [1, 1, 1, 2, 2, 4, 4, 4, 4]


def test_before_its_start_a_lane_shows_what_it_idles_on() -> None:
    schedule = make("euler", "model", 4, SchedulerConfig())
    x, idle = torch.ones(1, *SHAPE), torch.full((1, *SHAPE), 7.0)
    noise = SeededNoise([2], SHAPE)
    lanes = [Lane(Bent(), 0, x, noise, idle), Lane(Bent(), 2, x, noise, idle)]
    first = next(iter(lockstep("euler", lanes, schedule)))
    assert torch.equal(first.x0[1:], idle)
    assert torch.equal(first.x[1:], x)
    assert not torch.equal(first.x0[:1], idle)
