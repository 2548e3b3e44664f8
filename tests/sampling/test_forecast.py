"""Steps that are foretold: which, from what, and that a run goes on from any of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
import torch

from backend.sampling.bounds import Bounds
from backend.sampling.config import SchedulerConfig
from backend.sampling.forecast import (
    FIRST,
    LONGEST,
    Forecast,
    known,
    skipped,
    times,
    weights,
)
from backend.sampling.samplers import ENTRIES
from backend.sampling.schedule import make
from backend.sampling.types import Denoiser, Level, Resume, Schedule
from tests.sampling.helpers import POCKET, curved, noises, run

CONFIG = SchedulerConfig.from_dict(POCKET)
SMOOTH = [name for name, entry in ENTRIES.items() if entry.smooth]


class Counted:
    """A smooth denoiser, and the levels that it is asked at."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def __call__(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        self.asked.append(float(level.value or 0.0))
        return curved(x, level)


def schedule_of(sampler: str, steps: int = 12) -> Schedule:
    return make(sampler, ENTRIES[sampler].schedules[0], steps, CONFIG)


def error(schedule: Schedule, skip: tuple[int, ...]) -> float:
    """What `skipped` makes least, written down a second time."""
    levels, last, sum_ = schedule.levels, 0, 0.0
    for step in range(schedule.steps):
        if step in skip:
            passed_on = 1 - levels[step + 1] / levels[step]
            sum_ += (passed_on * (levels[last] - levels[step])) ** 2
        else:
            last = step
    return sum_


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("sampler", ["dpmpp_2m", "ddim"])
def test_no_other_plan_costs_less(sampler: str, first: int) -> None:
    schedule = schedule_of(sampler, 14)
    found = skipped(schedule, 0.3, first)
    assert len(found) == round(0.3 * (14 - first))
    plans = combinations(range(first + FIRST, 13), len(found))
    assert error(schedule, tuple(found)) == pytest.approx(min(error(schedule, p) for p in plans))


def test_the_first_steps_and_the_last_are_computed_however_much_is_asked_for() -> None:
    assert skipped(schedule_of("euler", 5), 0.6) == frozenset()
    assert skipped(schedule_of("euler", 8), 1.0) == {4, 5, 6}
    many = sorted(skipped(schedule_of("euler", 40), 1.0))
    assert len(many) == 30
    gaps = [b for a, b in zip(many, many[LONGEST:], strict=False) if b - a == LONGEST]
    assert gaps == [], "never more than that in succession"


def test_the_shares_are_one_in_all_and_the_last_step_has_the_most() -> None:
    at = times([8.0, 4.0, 2.0, 1.0, 0.5])
    assert (at[0], at[-1]) == (1.0, -1.0)
    assert sum(weights(at[:4], at[4], [0.027, 0.09, 0.3, 1.0])) == pytest.approx(1.0)
    close = weights([1.0, 0.5, 0.2, 0.0], -0.1, [0.027, 0.09, 0.3, 1.0])
    assert sum(close) == pytest.approx(1.0), "what stands still is foretold exactly"
    assert max(close) == close[-1] > 1.0, "what moves goes on"
    assert weights([0.3], -0.5, [1.0]) == [1.0]


@pytest.mark.parametrize("sampler", SMOOTH)
def test_the_model_is_asked_at_the_other_steps_alone(sampler: str) -> None:
    schedule, model = schedule_of(sampler), Counted()
    skip = skipped(schedule, 0.4)
    assert len(skip) == 5
    x = noises(1)[0] * schedule.init_scale
    full = run(sampler, curved, x, schedule)[-1].x
    ends = []
    for reuse in (False, True):
        foretold = Forecast(model, schedule, skip, {}, reuse=reuse)
        ends.append(run(sampler, foretold, x, schedule)[-1].x)
    foretold_at = {schedule.levels[step] for step in skip}
    assert not foretold_at & set(model.asked)
    assert set(schedule.levels[:-1]) - foretold_at <= set(model.asked)
    off = [float((end - full).square().mean().sqrt()) for end in ends]
    assert all(0 < each < 0.06 for each in off), off
    assert off[0] != off[1]


@pytest.mark.parametrize("bounds", [None, Bounds(0.5)])
@pytest.mark.parametrize("sampler", SMOOTH)
def test_a_run_goes_on_from_any_of_its_steps_bit_for_bit(
    sampler: str, bounds: Bounds | None
) -> None:
    schedule = replace(schedule_of(sampler), bounds=bounds)
    skip = skipped(schedule, 0.4)

    def fresh(past: dict[int, torch.Tensor]) -> Denoiser:
        return Forecast(curved, schedule, skip, past)

    x = noises(1)[0] * schedule.init_scale
    steps = [
        replace(step, forecast=step.index in skip) for step in run(sampler, fresh({}), x, schedule)
    ]
    for at in range(3, 11):
        before = steps[: at + 1]
        resume = Resume(at, before[-1].state)
        again = run(sampler, fresh(known(before, schedule)), before[-1].x, schedule, resume=resume)
        assert torch.equal(again[-1].x, steps[-1].x), at


def test_what_another_schedule_told_is_not_known() -> None:
    schedule = schedule_of("euler")
    steps = run("euler", curved, noises(1)[0] * schedule.init_scale, schedule)
    assert list(known(steps[:3], schedule)) == [0, 1, 2]
    assert known(steps[:3], schedule_of("euler", 6)) == {}
    assert list(known([steps[0], replace(steps[1], forecast=True)], schedule)) == [0]


def test_a_level_that_is_none_of_the_schedule_is_asked() -> None:
    schedule, model = schedule_of("euler"), Counted()
    x = noises(1)[0]
    foretold = Forecast(model, schedule, frozenset({4}), {0: x})
    foretold(x, Level.like(x, 1.2345, 5.0))
    assert model.asked == [1.2345]
    got = foretold(*schedule.asked(x, 4))
    assert torch.equal(got, x)
    assert len(model.asked) == 1
