"""What became of jobs: counted, and told to the log without what opens them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from backend.contracts.events import Progress
from backend.contracts.requests import Request, VideoRequest
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.job import Job, Patience
from backend.engine.jobs.journal import LOGGER, Journal, mode_of, model_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def job(clock: Clock, owner: str = "", prompt: str = "a secret house") -> Job:
    settings = Txt2ImgSettings(prompt=prompt, model="pocket", seed=1)
    request = Request(settings)
    return Job(request, owner, background=False, patience=Patience(), clock=clock)  # type: ignore[arg-type]


def ran(journal: Journal, one: Job, clock: Clock, state: Any = "done") -> None:
    journal.queued(one)
    one.start()
    journal.begun(one)
    one.report(Progress("sampling", 8, 8))
    clock.now += 4.0
    one.finish(state, "It went wrong." if state == "failed" else None)
    journal.ended(one)


def test_jobs_are_counted_by_mode_and_state() -> None:
    journal, clock = Journal(), Clock()
    for state in ("done", "done", "failed", "stopped"):
        ran(journal, job(clock), clock, state)
    waits = job(clock)
    figures = journal.figures([waits], paused=True)
    assert figures.now == {("txt2img", "queued"): 1}
    assert figures.ended == {
        ("txt2img", "done"): 2,
        ("txt2img", "failed"): 1,
        ("txt2img", "stopped"): 1,
    }
    assert figures.steps == {"pocket": (16, 8.0)}
    assert figures.paused


def test_each_leaves_a_line_when_it_waits_begins_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    journal, clock = Journal(), Clock()
    one = job(clock, "@ada/3f2a")
    ran(journal, one, clock, "failed")
    told: list[dict[str, Any]] = [vars(record)["loom"] for record in caplog.records]
    assert [line["event"] for line in told] == ["queued", "begun", "failed"]
    assert {line["job"] for line in told} == {one.key[:12]}
    assert {line["person"] for line in told} == {"ada"}
    assert told[2] | {"job": ""} == {
        "event": "failed", "job": "", "mode": "txt2img", "model": "pocket", "person": "ada",
        "seconds": 4.0, "steps": 8, "pictures": 0, "error": "It went wrong.",
    }  # fmt: skip
    assert one.token not in caplog.text + str(told)
    assert [line.get("prompt") for line in told] == ["a secret house", None, None]


def test_other_requests_have_a_mode_too() -> None:
    video = VideoRequest("a run")
    assert (mode_of(video), model_of(video)) == ("video", "")
