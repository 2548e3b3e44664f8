"""Waits for jobs; a client that hangs up stops its own."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from backend.contracts.errors import LoomError
from backend.contracts.events import JobStatus
from backend.engine.jobs.protocol import Engine
from ui.jobs.state import ENDED

POLL_S = 0.1


class Failed(LoomError):
    """A job that was accepted came to nothing."""


async def ended(engine: Engine, token: str, http: Request) -> JobStatus:
    """The job, once it has ended.

    Raises:
        Failed: It made no picture.
    """
    try:
        while (status := engine.status(token)).state not in ENDED:
            engine.touch(token)
            if await http.is_disconnected():
                engine.cancel(token)
            await asyncio.sleep(POLL_S)
    finally:
        engine.cancel(token)  # of no effect on a job that has ended
    return whole(status)


def whole(status: JobStatus) -> JobStatus:
    """The same, where it made its pictures.

    Raises:
        Failed: It did not.
    """
    if status.state != "done" or not status.outputs:
        raise Failed(status.error or "The job was stopped.")
    return status
