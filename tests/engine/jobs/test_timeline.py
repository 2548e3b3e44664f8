"""Kept steps: bounded in bytes, counted by place, let go where nothing runs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from backend.contracts.errors import UnknownName
from backend.contracts.holdings import Holding, bytes_at
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.live import Place
from backend.contracts.stored import StoredStep
from backend.engine.jobs.timeline import TimelineStore

SETTINGS = Txt2ImgSettings(seed=1)


@dataclass(frozen=True)
class Kept:
    sigma: float
    nbytes: int = 10
    batch: int = 2
    place: str = "cpu"
    forecast: bool = False

    def place_in(self, stage: int) -> Place:
        return stage, int(10.0 - self.sigma)


def stored(budget_bytes: int, **runs: int) -> TimelineStore[Kept]:
    """A store with so many steps of each run."""
    store = TimelineStore[Kept](budget_bytes)
    for token, steps in runs.items():
        store.begin(token, SETTINGS)
        for step in range(steps):
            store.add(token, Kept(10.0 - step))
    return store


def test_what_is_stored_is_told() -> None:
    info = stored(1000, a=3).info("a")
    assert info is not None
    assert (info.steps, info.batch, info.sigmas) == (3, 2, (10.0, 9.0, 8.0))
    assert info.stages == (0, 0, 0)
    assert stored(1000, a=0).info("a") is None
    assert stored(1000).info("a") is None


def test_what_rests_stays_until_it_goes_on_or_ends() -> None:
    store = stored(60, a=3)
    store.pin("a")
    for token in ("b", "c"):
        store.begin(token, SETTINGS)
        assert all(store.add(token, Kept(10.0 - step)) for step in range(3))
    assert (store.info("b"), store.pinned_bytes()) == (None, 30)
    assert store.release() == 0
    store.end("a")
    assert (store.pinned_bytes(), store.release()) == (0, 30)


def test_what_is_sent_away_comes_back_when_it_is_asked_for() -> None:
    store = stored(1000, a=3)
    store.pin("a")
    info, run = store.info("a"), store.get("a")
    assert run is not None
    asked: list[str] = []

    def fetch() -> list[StoredStep[Kept]]:
        asked.append("a")
        return list(run.stored)

    store.send_away("a", fetch)
    assert (store.nbytes, store.info("a"), asked) == (0, info, [])
    store.rename("a", "b")
    assert store.load("b", 1).step == Kept(9.0)
    assert (asked, store.pinned_bytes(), store.oldest_pinned()) == (["a"], 30, ["b"])
    store.load("b", 2)
    assert asked == ["a"]
    store.send_away("b", fetch)
    store.drop("b")
    assert store.info("b") is None


def test_the_oldest_runs_go_first() -> None:
    store = stored(60, a=3, b=3, c=2)
    assert store.info("a") is None
    assert store.nbytes == 50
    store.load("b", 2)


def test_a_run_that_is_too_large_alone_keeps_its_first_steps() -> None:
    store = stored(35, a=9)
    assert store.nbytes == 30
    assert store.load("a", 0).step.sigma == 10.0
    with pytest.raises(UnknownName, match="kept 3 steps"):
        store.load("a", 3)


def test_a_step_has_the_settings_of_its_stage() -> None:
    store = stored(1000, a=2)
    second = Txt2ImgSettings(seed=1, steps=7)
    store.next_stage("a", second)
    store.add("a", Kept(1.0))
    found = [store.load("a", step) for step in range(3)]
    assert [stored.settings.steps for stored in found] == [SETTINGS.steps] * 2 + [7]
    assert [stored.stage for stored in found] == [0, 0, 1]
    info = store.info("a")
    assert info is not None
    assert info.stages == (0, 0, 1)


def test_only_runs_that_have_ended_are_released() -> None:
    store = stored(1000, a=3, b=2)
    store.end("a")
    assert store.release() == 30
    assert store.nbytes == 20
    with pytest.raises(UnknownName, match="no longer kept"):
        store.load("a", 0)
    store.load("b", 1)


def test_bytes_are_counted_where_they_lie() -> None:
    store = stored(1000, a=1)
    store.add("a", Kept(1.0, nbytes=7, place="cuda:0"))
    assert store.holdings() == (
        Holding("timelines", "cpu", 10),
        Holding("timelines", "cuda:0", 7),
    )
    assert bytes_at([store, store], "cuda:0") == 14
