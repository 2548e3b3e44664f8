"""Waiting for a job of an engine, as long as it takes."""

from __future__ import annotations

from backend.contracts.events import JobStatus
from backend.engine.jobs.protocol import Engine


def ended(engine: Engine, token: str) -> JobStatus:
    """The status after the job, however it ended."""
    status = engine.status(token)
    while status.state in ("queued", "running"):
        status = engine.wait(token, status.revision, 5.0)
    return status


def done(engine: Engine, token: str) -> JobStatus:
    """As `ended`.

    Raises:
        RuntimeError: The job failed or was stopped.
    """
    status = ended(engine, token)
    if status.state != "done":
        raise RuntimeError(status.error)
    return status
