"""Who watches: previews, news, and what becomes of a job that nobody watches."""

from __future__ import annotations

import asyncio
import io
import time

import pytest
from PIL import Image

from backend.contracts.errors import UnknownName
from backend.contracts.events import Preview
from backend.engine.jobs.asking import ask
from backend.engine.jobs.job import Patience
from backend.engine.jobs.protocol import Engine
from tests.engine.contract.conftest import SIDE_PX, STEPS, Make, wanted
from tests.jobs import ended, running


def watched(engine: Engine, token: str) -> list[Preview]:
    """Every preview that one watcher gets, to the final one."""

    async def watch() -> list[Preview]:
        seen: list[Preview] = []
        while not seen or not seen[-1].final:
            newest = await engine.next_preview(token, seen[-1].revision if seen else 0)
            assert newest is not None, "a job that runs has a final preview"
            seen.append(newest)
        return seen

    return asyncio.run(watch())


def test_previews_rise_to_the_final_one(make: Make) -> None:
    engine = make(0.02)
    seen = watched(engine, ask(engine, wanted(batch_size=3)))
    revisions = [preview.revision for preview in seen]
    assert revisions == sorted(set(revisions))
    assert (seen[-1].step, seen[-1].total) == (STEPS, STEPS)
    for preview in seen:  # three pictures on a sheet of two by two
        assert Image.open(io.BytesIO(preview.jpeg)).size == (2 * SIDE_PX, 2 * SIDE_PX)


def test_after_the_end_there_is_no_waiting_for_previews(make: Make) -> None:
    engine = make()
    token = ask(engine, wanted())
    ended(engine, token)
    started = time.monotonic()
    assert asyncio.run(engine.next_preview(token, 10_000, timeout_s=120.0)) is None
    assert time.monotonic() - started < 60.0


def test_a_wait_for_a_preview_ends_in_time(make: Make) -> None:
    engine = make(60.0)
    token = running(engine, ask(engine, wanted()))
    assert asyncio.run(engine.next_preview(token, 0, timeout_s=0.05)) is None
    with pytest.raises(UnknownName):
        asyncio.run(engine.next_preview("nothing", 0))


def test_news_come_at_once(make: Make) -> None:
    engine = make(0.05)
    token = ask(engine, wanted())
    status = running(engine, token)
    started = time.monotonic()
    before = engine.status(status)
    assert engine.wait(token, before.revision, 120.0).revision > before.revision
    assert time.monotonic() - started < 60.0


def test_a_job_whose_watcher_left_stops_after_the_grace_period(make: Make) -> None:
    engine = make(0.02, patience=Patience(grace_s=0.1))
    token = ask(engine, wanted(steps=150))
    engine.detach(token)
    status = ended(engine, token)
    assert status.state == "stopped"
    assert "watching" in str(status.error)


def test_a_watcher_that_comes_back_keeps_its_job(make: Make) -> None:
    engine = make(0.02, patience=Patience(grace_s=1.0))
    token = ask(engine, wanted(steps=75))
    engine.detach(token)
    engine.touch(token)
    assert ended(engine, token).state == "done"


def test_nobody_is_stopped_for_never_having_watched(make: Make) -> None:
    engine = make(0.02, patience=Patience(grace_s=0.1))
    assert ended(engine, ask(engine, wanted(steps=30))).state == "done"


def test_work_that_nobody_watches_has_a_deadline(make: Make) -> None:
    engine = make(0.02, patience=Patience(deadline_s=0.3))
    status = ended(engine, ask(engine, wanted(steps=150)))
    assert status.state == "stopped"
    assert "--unwatched-hours" in str(status.error)


def test_work_that_is_watched_has_none(make: Make) -> None:
    engine = make(0.02, patience=Patience(deadline_s=1.5))
    token = ask(engine, wanted(steps=100))
    status = engine.status(token)
    while status.state in ("queued", "running"):
        engine.touch(token)
        status = engine.wait(token, status.revision, 0.1)
    assert status.state == "done", status.error
    assert status.info["elapsed_s"] > 1.5


def test_a_job_that_is_kept_goes_on_when_its_watcher_leaves(make: Make) -> None:
    engine = make(0.005, patience=Patience(grace_s=0.05))
    token = ask(engine, wanted(steps=40))
    assert engine.status(token).keeps is False
    before = engine.status(token).revision
    engine.keep(token, True)
    assert engine.status(token).keeps is True
    assert engine.status(token).revision > before, "whoever watches is told"
    engine.detach(token)
    assert ended(engine, token).state == "done"
    other = ask(engine, wanted(steps=150))
    engine.keep(other, True)
    engine.keep(other, False)
    engine.detach(other)
    assert ended(engine, other).state == "stopped"
    with pytest.raises(UnknownName):
        engine.keep("nothing", True)
