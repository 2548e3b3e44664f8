"""Turns of jobs that wait: positions, waits, and when they are worked out anew."""

from __future__ import annotations

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.forecast import FRESH_S, MANY, Forecast, Turn
from backend.engine.jobs.job import Job, Patience


def job(name: str, *, background: bool = False) -> Job:
    request = Request(Txt2ImgSettings())
    return Job(request, name, background=background, patience=Patience())


def test_who_waits_in_front_does_not_wait_for_the_background() -> None:
    grid, picture, waits, behind = (
        job("grid", background=True),
        job("picture"),
        job("waits"),
        job("behind", background=True),
    )
    needs = {grid.key: 100.0, picture.key: 5.0, waits.key: 7.0, behind.key: 1.0}
    forecast = Forecast(lambda one: needs[one.key])
    turns = forecast.turns(0, [grid, picture], lambda: [waits, behind])
    assert turns == {waits.key: Turn(1, 5.0), behind.key: Turn(3, 112.0)}


def test_what_cannot_be_foreseen_makes_all_behind_it_unknown() -> None:
    first, second, third = job("1"), job("2"), job("3")
    needs = {first.key: 3.0, second.key: None, third.key: 1.0}
    turns = Forecast(lambda one: needs[one.key]).turns(0, [first], lambda: [second, third])
    assert [turns[one.key].wait_s for one in (second, third)] == [3.0, None]


def test_it_is_worked_out_once_until_something_changes_or_time_has_passed() -> None:
    now, looks = [0.0], [0]
    first, second = job("1"), job("2")

    def left(one: Job) -> float:
        looks[0] += 1
        return 2.0

    forecast = Forecast(left, lambda: now[0])
    for _ in range(1000):
        forecast.turns(1, [], lambda: [first, second])
    assert looks[0] == 2, "linear in the jobs, whoever asks how often"
    forecast.turns(2, [], lambda: [second])
    assert looks[0] == 3
    forecast.turns(2, [first], lambda: [second])
    assert looks[0] > 3, "another job runs"
    before = looks[0]
    now[0] += FRESH_S
    forecast.turns(2, [first], lambda: [second])
    assert looks[0] > before


def test_two_workers_take_the_next_jobs_as_they_become_free() -> None:
    jobs = [job(name) for name in "abcde"]
    needs = dict(zip((one.key for one in jobs), (10.0, 4.0, 3.0, 5.0, 1.0), strict=True))
    forecast = Forecast(lambda one: needs[one.key], workers=lambda: 2)
    turns = forecast.turns(0, jobs[:2], lambda: jobs[2:])
    assert [turns[one.key] for one in jobs[2:]] == [Turn(1, 4.0), Turn(2, 7.0), Turn(3, 10.0)]


def test_of_very_many_the_turns_are_worked_out_now_and_then() -> None:
    now, looks = [0.0], [0]
    waiting = [job(str(number)) for number in range(MANY)]

    def looked() -> list[Job]:
        looks[0] += 1
        return waiting

    forecast = Forecast(lambda one: 1.0, lambda: now[0])
    for change in range(50):
        forecast.turns(change, [], looked)
    assert looks[0] == 1
    now[0] += FRESH_S
    forecast.turns(50, [], looked)
    assert looks[0] == 2
