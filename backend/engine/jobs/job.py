"""One job: its state as observers see it, and its cancel token as the worker sees it."""

from __future__ import annotations

import bisect
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from backend.contracts.errors import Cancelled, DeadlineExceeded
from backend.contracts.events import JobStatus, Output, Progress, State
from backend.contracts.requests import AnyRequest
from backend.engine.jobs.previews import Mailbox


@dataclass(frozen=True)
class Patience:
    """How long a job may go on.

    Attributes:
        grace_s: Seconds after its watcher went away.
        deadline_s: Seconds of running.
    """

    grace_s: float = 10.0
    deadline_s: float = 3600.0


class Job:
    """Mutable, locked; everything that leaves it is a frozen snapshot.

    Args:
        request: With resolved settings.
        owner: Whose turn it is in the fair queue.
        background: Gives way to interactive jobs.
        patience: Grace period and deadline.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        request: AnyRequest,
        owner: str,
        *,
        background: bool,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = secrets.token_urlsafe(24)
        self.request = request
        self.owner = owner
        self.background = background
        self.previews = Mailbox()
        self.ended_at: float | None = None
        self._patience = patience
        self._clock = clock
        self._changed = threading.Condition()
        self._state: State = "queued"
        self._progress = Progress("queued")
        self._outputs: list[Output] = []
        self._error: str | None = None
        self._info: dict[str, Any] = {}
        self._revision = 0
        self._started_at: float | None = None
        self._detached_at: float | None = None
        self._cancelled = threading.Event()

    # --- the worker's side -------------------------------------------------------------------

    def start(self) -> bool:
        """Marks the job as running; False when it was cancelled or abandoned while it waited."""
        with self._changed:
            if self._state != "queued":
                return False
            if self._cancelled.is_set() or self._abandoned():
                self._end("stopped", "Stopped before it began.")
                return False
            self._state = "running"
            self._started_at = self._clock()
            self._bump()
            return True

    def check(self) -> None:
        """Before each model call.

        Raises:
            Cancelled: Stopped by its owner, or its watcher has been gone for the grace period.
            DeadlineExceeded: It has run for too long.
        """
        if self._cancelled.is_set() or self._abandoned():
            raise Cancelled("Stopped.")
        if self.elapsed_s > self._patience.deadline_s:
            raise DeadlineExceeded(
                f"Stopped after {self._patience.deadline_s:.0f} s, the longest a job may run; "
                "use fewer steps, a smaller size or a smaller batch."
            )

    def _abandoned(self) -> bool:
        gone = self._detached_at
        return gone is not None and self._clock() - gone > self._patience.grace_s

    def report(self, progress: Progress) -> None:
        """Takes the latest progress; a stage without steps keeps the count of the one before."""
        with self._changed:
            before = self._progress
            if progress.total == 0 and before.total > 0:
                progress = replace(progress, step=before.step, total=before.total)
            self._progress = replace(progress, elapsed_s=round(self.elapsed_s, 3))
            self._bump()

    def add(self, output: Output) -> None:
        with self._changed:
            # A grid draws its cells in the order in which they share work.
            bisect.insort(self._outputs, output, key=lambda each: each.index)
            self._bump()

    def inform(self, facts: dict[str, Any]) -> None:
        """Adds to the info that observers see, before the job has ended."""
        with self._changed:
            self._info = self._info | facts
            self._bump()

    def finish(
        self, state: State, error: str | None = None, info: dict[str, Any] | None = None
    ) -> None:
        """Ends the job; later calls change nothing."""
        with self._changed:
            if self.ended_at is None:
                self._end(state, error, info)

    def _end(self, state: State, error: str | None, info: dict[str, Any] | None = None) -> None:
        self._state, self._error, self._info = state, error, self._info | (info or {})
        self.ended_at = self._clock()
        self.previews.close()
        self._bump()

    def _bump(self) -> None:
        self._revision += 1
        self._changed.notify_all()

    # --- the observers' side -----------------------------------------------------------------

    @property
    def elapsed_s(self) -> float:
        return 0.0 if self._started_at is None else self._clock() - self._started_at

    @property
    def outputs(self) -> tuple[Output, ...]:
        with self._changed:
            return tuple(self._outputs)

    @property
    def state(self) -> State:
        return self._state

    @property
    def progress(self) -> Progress:
        return self._progress

    def cancel(self) -> None:
        self._cancelled.set()

    def touch(self) -> None:
        self._detached_at = None

    def detach(self) -> None:
        self._detached_at = self._clock()

    def wait(self, revision: int, timeout_s: float) -> None:
        """Returns once the revision exceeds `revision` or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._revision > revision, timeout_s)

    def status(self, position: int, timeline: Any = None) -> JobStatus:
        """Snapshot; `position` counts the jobs before it."""
        with self._changed:
            return JobStatus(
                self.token,
                self._state,
                position,
                self._progress,
                tuple(self._outputs),
                self._error,
                dict(self._info),
                timeline,
                self._revision,
            )


@dataclass
class Shelf:
    """Jobs that may still be asked about: all that run or wait, and the last ones that ended.

    Attributes:
        keep: Ended jobs to keep.
    """

    keep: int = 64
    _jobs: dict[str, Job] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, job: Job) -> list[str]:
        """Adds a job and returns the tokens of those that had to go."""
        with self._lock:
            ended = sorted(
                (j for j in self._jobs.values() if j.ended_at is not None),
                key=lambda j: j.ended_at or 0.0,
            )
            gone = [j.token for j in ended[: max(0, len(ended) - self.keep + 1)]]
            for token in gone:
                del self._jobs[token]
            self._jobs[job.token] = job
            return gone

    def get(self, token: str) -> Job | None:
        with self._lock:
            return self._jobs.get(token)

    def all(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())
