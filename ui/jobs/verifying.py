"""A recipe that runs again: its states, and the report on how it went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Output
from backend.engine.jobs.protocol import Engine
from backend.recipes.verify import Original, counterpart, report
from ui.jobs.state import ENDED
from ui.jobs.watch import STATUS_EVERY_S


async def watch(engine: Engine, token: str) -> AsyncGenerator[JobStatus, None]:
    """A job's states, the last one when it has ended."""
    while True:
        status = await asyncio.to_thread(engine.status, token)
        engine.touch(token)
        yield status
        if status.state in ENDED:
            return
        await asyncio.sleep(STATUS_EVERY_S)


def outcome(original: Original, status: JobStatus) -> tuple[dict[str, Any], Output]:
    """The report on a run that has ended, and the picture that it made.

    Raises:
        BadInput: It did not finish.
    """
    if status.state != "done":
        raise BadInput(status.error or "The run was stopped; there is nothing to compare.")
    now = counterpart(original, status.outputs)
    return report(original, now).to_dict(), now
