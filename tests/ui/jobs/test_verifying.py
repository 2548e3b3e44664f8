"""A recipe that runs again: its states to the end, and a report only on what was finished."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Progress
from ui.jobs import verifying

RUNNING = JobStatus("job", "running", 0, Progress("sampling", 1, 2, 0.0, None))


class Answers:
    """An engine that has one state after the other."""

    def __init__(self, *states: JobStatus) -> None:
        self.states = list(states)
        self.touched = 0

    def status(self, token: str) -> JobStatus:
        return self.states.pop(0)

    def touch(self, token: str) -> None:
        self.touched += 1


@pytest.mark.parametrize("end", ["done", "stopped", "failed"])
def test_states_come_until_the_run_has_ended(end: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "STATUS_EVERY_S", 0.0)
    engine = Answers(RUNNING, RUNNING, replace(RUNNING, state=end), RUNNING)

    async def seen() -> list[str]:
        return [status.state async for status in verifying.watch(cast(Any, engine), "job")]

    assert asyncio.run(seen()) == ["running", "running", end]
    assert engine.touched == 3  # somebody is watching


@pytest.mark.parametrize(
    ("state", "error", "says"),
    [("failed", "The model is broken.", "model is broken"), ("stopped", None, "was stopped")],
)
def test_what_did_not_finish_is_not_compared(state: Any, error: str | None, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        verifying.outcome(cast(Any, None), replace(RUNNING, state=state, error=error))
