"""Waiting for a job of an engine, by its own news."""

from __future__ import annotations

import time
from collections.abc import Callable

from backend.contracts.events import JobStatus
from backend.contracts.requests import VideoRequest
from backend.engine.jobs.protocol import Engine


def until(
    engine: Engine, token: str, reached: Callable[[JobStatus], bool], timeout_s: float = 60.0
) -> JobStatus:
    """The first status seen of which `reached` holds; fails where the time runs out."""
    deadline = time.monotonic() + timeout_s
    status = engine.status(token)
    while not reached(status):
        assert time.monotonic() < deadline, f"still {status.state}, {status.progress}"
        status = engine.wait(token, status.revision, 0.5)
    return status


def ended(engine: Engine, token: str, timeout_s: float = 60.0) -> JobStatus:
    """The status after the job."""
    return until(engine, token, lambda now: now.state not in ("queued", "running"), timeout_s)


def running(engine: Engine, token: str) -> str:
    """The token, once its job runs."""
    until(engine, token, lambda now: now.state != "queued")
    return token


def video_of(engine: Engine, token: str, image: int = 0) -> bytes:
    """The video of a run's steps; fails where it is not made."""
    made = engine.submit(VideoRequest(token, image))
    status = ended(engine, made)
    assert status.state == "done", status.error
    file = engine.file(made)
    assert file is not None
    assert (file.kind, status.progress.step) == ("video/mp4", status.progress.total)
    return file.content
