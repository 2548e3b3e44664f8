"""Who waits for whom, and how long: of a board's jobs, those that rest aside.

One that rests is waited for by nobody, and nobody can tell when its person lets it go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from backend.contracts.events import JobStatus, TimelineInfo
from backend.contracts.requests import (
    Request,
    ResolvedRequest,
    TrainDigitsRequest,
    TrainLoraRequest,
    VideoRequest,
)
from backend.contracts.settings import Settings
from backend.engine.jobs.forecast import MANY, Forecast, Turn
from backend.engine.jobs.job import Job
from backend.engine.jobs.owners import account_of
from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.shelf import Shelf

ALL_DRAINED = "no device takes jobs now: an owner has drained them"
NOWHERE = "the devices that take jobs are kept for other models"


class Waits:
    """Of one board. Safe from any thread.

    Args:
        queue: Holds the jobs that wait.
        shelf: Holds all.
        foresee_s: About how long resolved settings take; None where it is not known.
    """

    def __init__(
        self, queue: FairQueue[Job], shelf: Shelf, foresee_s: Callable[[Settings], float | None]
    ) -> None:
        self._queue, self._shelf, self._foresee_s = queue, shelf, foresee_s
        self._forecast = Forecast(self._left_s, workers=self._workers)

    def status(self, job: Job, timeline: TimelineInfo | None) -> JobStatus:
        """Snapshot of a job; while it waits, with the jobs before it and when it will begin."""
        turn = self._turn(job) if job.state == "queued" else None
        status = job.status(turn.position if turn else 0, timeline)
        if turn is None or status.state != "queued":
            return status
        ahead = [one for one in self._shelf.running() if job.background or not one.background]
        why = self._nowhere(job) or (job.again if job.moves else "") or _in_front(ahead, job)
        return replace(status, progress=replace(status.progress, eta_s=turn.wait_s, note=why))

    def _nowhere(self, job: Job) -> str:
        """Why no device takes a job; empty where one does."""
        seats = self._queue.seats
        if not seats or any(seat.takes(job) for seat in seats):
            return ""
        return NOWHERE if any(seat.open for seat in seats) else ALL_DRAINED

    def _workers(self) -> int:
        return max(1, sum(seat.open for seat in self._queue.seats))

    def done_s(self, account: str, last: Job | None) -> float | None:
        """Seconds until a person's jobs have ended; None where that cannot be foreseen.

        Args:
            account: Whose.
            last: The last of them that waits; None where none does.
        """
        if last is None:
            left = [
                self._left_s(job)
                for job in self._shelf.running()
                if account_of(job.owner) == account
            ]
        else:
            turn = self._turn(last)
            left = [turn.wait_s if turn is not None else 0.0, self._left_s(last)]
        known = [one for one in left if one is not None]
        return sum(known) if len(known) == len(left) else None

    def _turn(self, job: Job) -> Turn | None:
        running = self._shelf.running()
        turns = self._forecast.turns(self._queue.changes, running, self._queue.order)
        # Of many the last ones to come are not looked up at once.
        late = Turn(self._queue.waiting, None) if len(turns) >= MANY else None
        return turns.get(job.key, late)

    def _left_s(self, job: Job) -> float | None:
        """Seconds until a job has ended, once it runs; None where that cannot be foreseen."""
        # One that goes on after a rest needs what it still needed when it came to rest.
        begun = job.state == "running" or job.executed > 0
        left = job.progress.eta_s if begun else None
        if left is None and isinstance(job.request, Request):
            return self._foresee_s(job.request.settings)
        return left


def _in_front(before: Sequence[Job], job: Job) -> str:
    """What runs before a job that waits; of others no more than that it is a training."""
    runs = next((other for other in before if other.state == "running"), None)
    if runs is None:
        return ""
    match runs.request:
        case TrainLoraRequest() | TrainDigitsRequest():
            return "a training runs"
        case VideoRequest():
            return "a video is saved"
        case ResolvedRequest():
            mode = runs.request.settings.mode
            same = isinstance(job.request, Request) and job.request.settings.mode == mode
            return "" if same or runs.owner != job.owner else f"{mode.replace('_', ' ')} runs"
    assert_never(runs.request)
