"""Which jobs may rest, and what a resting one goes on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.requests import Branch, ResolvedRequest, VideoRequest
from backend.contracts.settings import parse
from backend.contracts.settings.live import LiveChange, Place
from backend.engine.jobs.job import Job, Patience, Rest
from backend.engine.jobs.limits import Limits
from backend.engine.jobs.resting import Rests
from backend.engine.jobs.shelf import Shelf
from backend.engine.jobs.timeline import TimelineStore

SETTINGS = parse("txt2img", {"width": 64, "height": 64, "seed": 1, "steps": 4})
CHANGES = tuple(LiveChange(step=step, field="prompt", value=str(step)) for step in (1, 3))


@dataclass(frozen=True)
class Kept:
    index: int
    sigma: float = 0.0
    batch: int = 1
    nbytes: int = 10
    place: str = "cpu"
    forecast: bool = False

    def place_in(self, stage: int) -> Place:
        return stage, self.index


def job(settings: Any = SETTINGS, request: Any = None) -> Job:
    request = request or ResolvedRequest(settings, runs=(settings,))
    return Job(request, "ada", background=False, patience=Patience())


def store(token: str, steps: int = 4) -> TimelineStore[Kept]:
    made = TimelineStore[Kept]()
    made.begin(token, SETTINGS)
    for index in range(steps):
        assert made.add(token, Kept(index))
    return made


def rests(timelines: Any = None, *jobs: Job, **limits: int) -> Rests[Kept]:
    """Those of a board without a folder."""
    shelf = Shelf()
    for one in jobs:
        shelf.put(one)
    return Rests(timelines or TimelineStore[Kept](), shelf, (), None, Limits(**limits))


def test_it_goes_on_with_what_was_changed_up_to_that_step() -> None:
    one = job()
    one.put_to_rest(Rest(0, CHANGES))
    last = rests(store(one.token)).resumed(one, None).resumed
    assert last is not None
    assert (last.branch, last.changes) == (Branch(one.token, 3), CHANGES)
    early = rests(store(one.token)).resumed(one, 2).resumed
    assert early is not None
    assert (early.branch, early.changes) == (Branch(one.token, 2), CHANGES[:1])
    with pytest.raises(UnknownName, match="kept 4 steps"):
        rests(store(one.token)).resumed(one, 7)


def test_one_that_had_not_begun_begins() -> None:
    one = job()
    one.put_to_rest(Rest())
    on = rests().resumed(one, None)
    ((number, before, request),) = on.left
    assert (number, before, request.branch) == (0, 0, None)


def test_the_runs_before_it_are_done() -> None:
    runs = tuple(SETTINGS.model_copy(update={"seed": seed}) for seed in (1, 2, 3))
    one = job(request=ResolvedRequest(SETTINGS, runs=runs))
    one.put_to_rest(Rest(1, CHANGES))
    left = list(rests(store(one.token)).resumed(one, None).left)
    assert [(number, before) for number, before, _ in left] == [(1, 1), (2, 2)]
    (_, _, second), (_, _, third) = left
    assert second.settings.changes == CHANGES  # type: ignore[attr-defined]
    assert (second.branch, third.branch) == (Branch(one.token, 3), None)
    assert third.settings.changes == ()  # type: ignore[attr-defined]


def test_who_may_rest() -> None:
    rests().check(job())
    resting = job()
    resting.put_to_rest(Rest())
    with pytest.raises(BadInput, match="paused already"):
        rests(None, resting, paused=1).check(job())
    with pytest.raises(BadInput, match="no room"):
        rests(paused_bytes=0).check(job())
    for request in (VideoRequest("x"), None):
        settings = parse("morph", {"width": 64, "height": 64})
        with pytest.raises(BadInput, match="cannot be paused"):
            rests().check(job(settings, request))
    over = job()
    over.finish("done")
    with pytest.raises(BadInput, match="branch from one of its steps"):
        rests().check(over)


def test_of_one_that_was_stopped_meanwhile_nothing_is_held() -> None:
    rests_on, stopped = job(), job()
    for one in (rests_on, stopped):
        one.put_to_rest(Rest())
    stopped.finish("stopped")
    for one, held in ((rests_on, 40), (stopped, 0)):
        timelines = store(one.token)
        rests(timelines, one).begin(one)
        assert timelines.pinned_bytes() == held
