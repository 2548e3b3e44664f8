"""One job: its state as observers see it, and its cancel token as the worker sees it."""

from __future__ import annotations

import bisect
import hashlib
import math
import secrets
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self, assert_never

import numpy as np

from backend.contracts.errors import Cancelled, DeadlineExceeded, Skipped, Unwatched
from backend.contracts.events import (
    File,
    JobStatus,
    Output,
    Pixels,
    Progress,
    State,
    TimelineInfo,
)
from backend.contracts.requests import Request, Runnable, TrainLoraRequest, VideoRequest
from backend.contracts.settings.live import LiveChange
from backend.engine.jobs.course import Course
from backend.engine.jobs.previews import Mailbox
from backend.resolve.live import Wish

UNWATCHED = "Nobody was watching any more."
PUT_OFF = "The studio is closing; this starts again with it."
CLOSING = "The studio is closing; ask again once it is back."
LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Patience:
    """How long a job may go on while nobody watches it.

    Attributes:
        grace_s: Seconds after its watcher went away.
        deadline_s: Seconds of its own running since somebody last looked; for work that goes on
            when its page is closed, and for callers that never say that they watch.
    """

    grace_s: float = 10.0
    deadline_s: float = 12 * 3600.0

    @classmethod
    def of_hours(cls, unwatched: float) -> Self:
        """From the flag; 0 hours mean for ever."""
        return cls(deadline_s=unwatched * 3600.0 or math.inf)

    def of(self, request: Runnable) -> Patience:
        """What holds for a request: a training has its steps, and is never ended by the clock."""
        match request:
            case TrainLoraRequest():
                return Patience(math.inf, math.inf)
            case Request() if request.settings.outlives_watcher:
                return replace(self, grace_s=math.inf)
            case Request() | VideoRequest():
                return self
        assert_never(request)


@dataclass(frozen=True)
class Rest:
    """What a paused job goes on with, beside its stored steps.

    Attributes:
        run: Which of its runs was being drawn.
        changes: What had been changed of that run.
    """

    run: int = 0
    changes: tuple[LiveChange, ...] = ()


class Job:
    """Mutable, locked; everything that leaves it is a frozen snapshot.

    Args:
        request: With resolved settings; its pictures are let go when the job has ended.
        owner: Whose turn it is in the fair queue.
        background: Gives way to interactive jobs.
        patience: Grace period and deadline.
        clock: Seconds, rising.
        key: Digest of its token, of a job that an earlier process has left: the token itself is
            told by whoever asks for it.
        token: What opens it; drawn at random where it is left out.
    """

    def __init__(
        self,
        request: Runnable,
        owner: str,
        *,
        background: bool,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
        key: str = "",
        token: str = "",
    ) -> None:
        self.token = token or secrets.token_urlsafe(24)
        self.key = key or key_of(self.token)
        self.lasting = False  # whether it is kept for after a restart
        self.starts = 0
        self.again = ""  # why it starts once more, for its person
        self.put_off = False
        self.course: Course | None = None  # tells how long it still takes
        self.ending = ""  # the sentence of its end where the process ends
        self.keeps = math.isinf(patience.grace_s)  # whether it goes on when its page is left
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
        self._file: File | None = None
        self._error: str | None = None
        self._info: dict[str, Any] = {}
        self._revision = 0
        self._started_at: float | None = None
        self._paused_at: float | None = None
        self._paused_s = 0.0  # while others ran in the middle of it
        self._watched_s = 0.0  # how long it had run when somebody last looked
        self._detached_at: float | None = None
        self._cancelled = threading.Event()
        self._part = (0, 1)  # which of its runs is drawn, of how many
        self._unwanted: int | None = None  # the run that is to be passed over
        self.skipped = False  # whether one was
        self._wishes: tuple[Wish, ...] = ()
        self._pulls: list[tuple[int, Callable[[], list[float]]]] = []
        self._reading = threading.Lock()
        self._losses: list[tuple[int, list[float]]] = []
        self._steps_left: int | None = None  # until it rests; None is for ever
        self.rest: Rest | None = None
        self.executed = 0  # model steps before it rested

    # --- the worker's side -------------------------------------------------------------------

    def start(self) -> bool:
        """Marks the job as running; False when it was cancelled or abandoned while it waited."""
        with self._changed:
            if self._state != "queued":
                return False
            if self._cancelled.is_set() or self._abandoned():
                why = f"{UNWATCHED} " if self._abandoned() else ""
                self._end("stopped", why + "Stopped before it began.")
                return False
            self._state = "running"
            now = self._clock()
            if self._started_at is None:
                self._started_at = now
            elif self._paused_at is not None:
                self._paused_s += now - self._paused_at
                self._paused_at = None
            self._bump()
            return True

    def rests(self) -> bool:
        """After a step: whether it shall rest here."""
        with self._changed:
            if self._steps_left is None:
                return False
            self._steps_left -= 1
            return self._steps_left <= 0

    def put_to_rest(self, rest: Rest) -> bool:
        """It has stopped before a step, and waits for its person.

        Returns:
            False when it was cancelled at the same moment; one that is put off may still rest.
        """
        with self._changed:
            if self._cancelled.is_set() and not self.put_off:
                return False
            self.rest = rest
            self._state, self._steps_left = "paused", None
            self._paused_at = self._clock()
            self._bump()
            return True

    def check(self) -> None:
        """Before each model call.

        Raises:
            Cancelled: Stopped by its owner.
            Unwatched: Its watcher has been gone for the grace period.
            DeadlineExceeded: It has run for too long with nobody watching.
            Skipped: The present run is passed over; of a job of several alone.
        """
        if self._cancelled.is_set():
            raise Cancelled("Stopped.")
        part, parts = self._part
        if parts > 1 and self._unwanted == part:
            self._unwanted, self.skipped = None, True
            raise Skipped("Skipped.")
        if self._abandoned():
            raise Unwatched(UNWATCHED)
        if self.elapsed_s - self._watched_s > self._patience.deadline_s:
            raise DeadlineExceeded(
                f"Stopped after {_words(self._patience.deadline_s)} with nobody watching; keep its "
                "page open, use fewer steps or pictures, or allow more by --unwatched-hours."
            )

    def _abandoned(self) -> bool:
        gone = self._detached_at
        if gone is None or self.keeps:
            return False
        return self._clock() - gone > self._patience.grace_s

    def idle(self, duration_s: float) -> None:
        """Waits a moment, no longer than that; less when the job is cancelled meanwhile."""
        self._cancelled.wait(min(duration_s, LOOK_EVERY_S))

    @contextmanager
    def paused(self) -> Generator[None]:
        """The time inside is not the job's own: another one runs in its middle."""
        self._paused_at = self._clock()
        try:
            yield
        finally:
            self._paused_s += self._clock() - self._paused_at
            self._paused_at = None

    def part(self, number: int, count: int) -> None:
        """Its run `number`, from 0, of `count` alike begins."""
        with self._changed:
            self._part = (number, count)
            self._bump()

    def report(self, progress: Progress) -> None:
        """Takes the latest progress; a stage without steps keeps the count of the one before."""
        with self._changed:
            before = self._progress
            if progress.total == 0 and before.total > 0:
                progress = replace(progress, step=before.step, total=before.total)
            elapsed_s = self.elapsed_s
            left_s = None if self.course is None else self.course.left_s(progress, elapsed_s)
            if left_s is not None:
                progress = replace(progress, eta_s=left_s)
            self._progress = replace(progress, elapsed_s=round(elapsed_s, 3))
            self._bump()

    def add(self, output: Output) -> None:
        """Takes a finished picture."""
        with self._changed:
            # A grid draws its cells in the order in which they share work.
            bisect.insort(self._outputs, output, key=lambda each: each.index)
            self._bump()

    def saved(self, index: int, path: str) -> None:
        """A picture that was finished before has found room on the disk."""
        with self._changed:
            self._outputs = [
                replace(output, path=path) if output.index == index else output
                for output in self._outputs
            ]
            self._bump()

    def attach(self, file: File) -> None:
        """Takes what was made that is no picture."""
        self._file = file

    def pulled(self, step: int, read: Callable[[], list[float]]) -> None:
        """How far each picture was from what steers it, before a step; read when asked for."""
        self._pulls.append((step, read))

    def pulls_anew(self) -> None:
        """Another batch begins, with a curve of its own."""
        with self._reading:
            self._pulls, self._losses = [], []

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

    def found_ended(
        self,
        state: State,
        outputs: list[Output],
        file: File | None,
        error: str | None,
        info: dict[str, Any],
    ) -> None:
        """It ended in an earlier process, with this."""
        self._outputs, self._file = outputs, file
        self.finish(state, error, info)

    def found_resting(self, rest: Rest, outputs: list[Output], info: dict[str, Any]) -> None:
        """It rested in an earlier process."""
        self._outputs, self._info = outputs, info
        self.put_to_rest(rest)

    def put_away(self, outputs: list[Output]) -> None:
        """Its pictures lie in files now; they are the same."""
        with self._changed:
            self._outputs = outputs

    def put_aside(self) -> None:
        """The process ends: asks it to stop, and to start again in the next one if it is kept.

        One that rests is in no worker's hands: it ends here, or lies on the disk as it rests.
        """
        with self._changed:
            resting = self._state == "paused"
            if resting and self.lasting:
                return
            self.put_off, self.ending = self.lasting, PUT_OFF if self.lasting else CLOSING
            self.cancel()
            if resting:
                self.finish("stopped")

    def _end(self, state: State, error: str | None, info: dict[str, Any] | None = None) -> None:
        if self.ending and state == "stopped":
            error = self.ending
        self._state, self._error, self._info = state, error, self._info | (info or {})
        self.ended_at = self._clock()
        self.request = _without_pictures(self.request)
        self.previews.close()
        self._bump()

    def _bump(self) -> None:
        self._revision += 1
        self._changed.notify_all()

    # --- the observers' side -----------------------------------------------------------------

    @property
    def elapsed_s(self) -> float:
        """How long it has been running itself."""
        if self._started_at is None:
            return 0.0
        now = self._paused_at or self._clock()
        return now - self._started_at - self._paused_s

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Pictures finished so far, in order."""
        with self._changed:
            return tuple(self._outputs)

    @property
    def file(self) -> File | None:
        """What it made that is no picture."""
        return self._file

    @property
    def nbytes(self) -> int:
        """Bytes of what it made, as it is kept to be asked for."""
        return sum(picture.nbytes for picture in self._pictures()) + self._file_bytes

    @property
    def ram_bytes(self) -> int:
        """Those of them that take memory; what lies in files takes none."""
        held = sum(p.nbytes for p in self._pictures() if not isinstance(p, np.memmap))
        return held + self._file_bytes

    def _pictures(self) -> list[Pixels]:
        return [
            picture for output in self.outputs for picture in (output.image, *output.views.values())
        ]

    @property
    def _file_bytes(self) -> int:
        return 0 if self._file is None else len(self._file.content)

    @property
    def state(self) -> State:
        """As in `JobStatus`."""
        return self._state

    @property
    def progress(self) -> Progress:
        """The latest."""
        return self._progress

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """What was changed since it was asked for, oldest first."""
        return self._wishes

    def wish(self, wish: Wish) -> None:
        """Asks it to go on with these fields so, from its next step on."""
        with self._changed:
            self._wishes += (wish,)

    def hold(self, steps: int = 0) -> None:
        """Asks it to rest after so many further steps; 0 is before its next one."""
        self._steps_left = steps

    def go_on(self, request: Runnable, steps: int | None) -> None:
        """Out of its rest, back to those that wait.

        Args:
            request: What is left of it.
            steps: After which it rests again; None goes on to the end.
        """
        with self._changed:
            self.request, self._steps_left = request, steps
            self._state = "queued"
            self._detached_at = None
            self._bump()

    def cancel(self) -> None:
        """Asks it to stop at its next check."""
        with self._changed:
            self._cancelled.set()

    def skip(self, part: int) -> None:
        """Asks it to pass over one of its runs, at its next check in it."""
        if part >= self._part[0]:
            self._unwanted = part

    def touch(self) -> None:
        """Somebody watches it."""
        self._detached_at = None
        self._watched_s = self.elapsed_s

    def detach(self) -> None:
        """Its watcher went away."""
        self._detached_at = self._clock()

    def keep(self, on: bool) -> None:
        """Whether it goes on when its watcher goes away; what does in any case stays so."""
        with self._changed:
            self.keeps = on or math.isinf(self._patience.grace_s)
            self._bump()

    def wait(self, revision: int, timeout_s: float) -> None:
        """Returns once the revision exceeds `revision` or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._revision > revision, timeout_s)

    def _read_pulls(self) -> None:
        """What is new of the losses; not under the job's lock: a device may be at work on it."""
        with self._reading:
            for step, read in self._pulls[len(self._losses) :]:
                self._losses.append((step, [round(loss, 5) for loss in read()]))

    def status(self, position: int, timeline: TimelineInfo | None = None) -> JobStatus:
        """Snapshot; `position` counts the jobs before it."""
        self._read_pulls()
        with self._changed:
            return JobStatus(
                self.token,
                self._state,
                position,
                self._progress,
                tuple(self._outputs),
                self._error,
                self._info | ({"losses": list(self._losses)} if self._losses else {}),
                timeline,
                self._revision,
                *self._part,
                None if math.isinf(self._patience.grace_s) else self.keeps,
            )


def key_of(token: str) -> str:
    """What a job is kept under: its token opens it, and is written down nowhere."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _without_pictures(request: Runnable) -> Runnable:
    match request:
        case Request():
            return replace(request, images={})
        case TrainLoraRequest():
            return replace(request, pictures=())
        case VideoRequest():
            return request
    assert_never(request)


def _words(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:g} hours" if hours >= 1 else f"{seconds:.0f} s"
