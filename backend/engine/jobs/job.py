"""One job: its state as observers see it, and its cancel token as the worker sees it."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from backend.contracts.errors import Cancelled, Skipped
from backend.contracts.events import File, JobStatus, Output, Progress, State, TimelineInfo
from backend.contracts.requests import Runnable, without_pictures
from backend.contracts.settings.live import LiveChange
from backend.engine.jobs.course import Course
from backend.engine.jobs.made import Made
from backend.engine.jobs.own_time import OwnTime
from backend.engine.jobs.patience import UNWATCHED, Patience, Watch
from backend.engine.jobs.previews import Mailbox
from backend.engine.jobs.pulls import Pulls
from backend.resolve.live import Wish

PUT_OFF = "The studio is closing; this starts again with it."
CLOSING = "The studio is closing; ask again once it is back."
LOOK_EVERY_S = 0.05


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
        self.spilled = False  # whether its pictures lie, or soon lie, in files all the same
        self.starts = 0
        self.again = ""  # why it starts once more, for its person
        self.put_off = False
        self.device = ""  # where it runs, or ran, where there are several
        self.part_of: Job | None = None  # another worker's job, of which this one draws a part
        self.moves = 0  # from devices that failed under it
        self.news: Callable[[Job], object] | None = None  # told of each new state, under its lock
        self.course: Course | None = None  # tells how long it still takes
        self.ending = ""  # the sentence of its end where the process ends
        self.watch = Watch(patience, clock)
        self.pulls = Pulls()
        self.request = request
        self.owner = owner
        self.background = background
        self.previews = Mailbox()
        self.ended_at: float | None = None
        self._clock = clock
        self._changed = threading.Condition()
        self._state: State = "queued"
        self._progress = Progress("queued")
        self._made = Made()
        self._error: str | None = None
        self._info: dict[str, Any] = {}
        self._revision = 0
        self._time = OwnTime(clock)
        self._cancelled = threading.Event()
        self._part = (0, 1)  # which of its runs is drawn, of how many
        self._unwanted: int | None = None  # the run that is to be passed over
        self.skipped = False  # whether one was
        self._wishes: tuple[Wish, ...] = ()
        self._steps_left: int | None = None  # until it rests; None is for ever
        self.rest: Rest | None = None
        self.executed = 0  # model steps before it rested

    # --- the worker's side -------------------------------------------------------------------

    def start(self) -> bool:
        """Marks the job as running; False when it was cancelled or abandoned while it waited."""
        with self._changed:
            if self._state != "queued":
                return False
            if self._cancelled.is_set() or self.watch.abandoned:
                why = f"{UNWATCHED} " if self.watch.abandoned else ""
                self._end("stopped", why + "Stopped before it began.")
                return False
            self._time.go()
            self._become("running")
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
            self.rest, self._steps_left = rest, None
            self._time.stand()
            self._become("paused")
            return True

    def go_back(self, why: str, request: Runnable) -> None:
        """To those that wait, as if it had not begun: its device failed under it.

        Args:
            why: Told to its person.
            request: That it begins anew with.
        """
        with self._changed:
            self.request, self.again = request, why
            self._made, self.executed = Made(), 0
            self._progress = Progress("queued", note=why)
            self._time.stand()
            self._become("queued")

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
        self.watch.check(self.elapsed_s)

    def idle(self, duration_s: float) -> None:
        """Waits a moment, no longer than that; less when the job is cancelled meanwhile."""
        self._cancelled.wait(min(duration_s, LOOK_EVERY_S))

    @contextmanager
    def paused(self) -> Generator[None]:
        """The time inside is not the job's own: another one runs in its middle."""
        self._time.stand()
        try:
            yield
        finally:
            self._time.go()

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
            self._made.add(output)
            self._bump()

    def saved(self, index: int, path: str) -> None:
        """A picture that was finished before has found room on the disk."""
        with self._changed:
            self._made.saved(index, path)
            self._bump()

    def attach(self, file: File) -> None:
        """Takes what was made that is no picture."""
        self._made.file = file

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
        self._made.put(outputs)
        self._made.file = file
        self.finish(state, error, info)

    def found_resting(self, rest: Rest, outputs: list[Output], info: dict[str, Any]) -> None:
        """It rested in an earlier process."""
        self._made.put(outputs)
        self._info = info
        self.put_to_rest(rest)

    def put_away(self, outputs: list[Output]) -> None:
        """Its pictures lie in files now; they are the same."""
        with self._changed:
            self._made.put(outputs)

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
        self._error, self._info = error, self._info | (info or {})
        self.ended_at = self._clock()
        self.request = without_pictures(self.request)
        self.previews.close()
        self._become(state)

    def _become(self, state: State) -> None:
        self._state = state
        if self.news is not None:
            self.news(self)
        self._bump()

    def _bump(self) -> None:
        self._revision += 1
        self._changed.notify_all()

    # --- the observers' side -----------------------------------------------------------------

    @property
    def elapsed_s(self) -> float:
        """How long it has been running itself."""
        return self._time.s

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Pictures finished so far, in order."""
        with self._changed:
            return self._made.outputs

    @property
    def file(self) -> File | None:
        """What it made that is no picture."""
        return self._made.file

    @property
    def nbytes(self) -> int:
        """Bytes of what it made, as it is kept to be asked for."""
        with self._changed:
            return self._made.nbytes

    @property
    def ram_bytes(self) -> int:
        """Those of them that take memory; what lies in files takes none."""
        with self._changed:
            return self._made.ram_bytes

    @property
    def mapped(self) -> int:
        """How many of its pictures lie in files: each holds one open."""
        with self._changed:
            return self._made.mapped

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
        return self._wishes if self.part_of is None else self.part_of.wishes

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
            self.watch.come_back()
            self._become("queued")

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
        self.watch.touch(self.elapsed_s)

    def detach(self) -> None:
        """Its watcher went away."""
        self.watch.leave()

    def keep(self, on: bool) -> None:
        """Whether it goes on when its watcher goes away; what does in any case stays so."""
        with self._changed:
            self.watch.keep(on)
            self._bump()

    def wait(self, revision: int, timeout_s: float) -> None:
        """Returns once the revision exceeds `revision` or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._revision > revision, timeout_s)

    def status(self, position: int, timeline: TimelineInfo | None = None) -> JobStatus:
        """Snapshot; `position` counts the jobs before it."""
        losses = self.pulls.read()  # not under the job's lock: a device may be at work on it
        with self._changed:
            return JobStatus(
                self.token,
                self._state,
                position,
                self._progress,
                self._made.outputs,
                self._error,
                self._info | ({"losses": losses} if losses else {}),
                timeline,
                self._revision,
                *self._part,
                self.watch.kept,
            )


def key_of(token: str) -> str:
    """What a job is kept under: its token opens it, and is written down nowhere."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
