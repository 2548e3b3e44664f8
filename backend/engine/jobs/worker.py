"""The thread that runs jobs, one at a time; no job takes it along when it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from backend.contracts.errors import (
    Cancelled,
    DeadlineExceeded,
    LoomError,
    OutOfMemory,
    Paused,
    Unwatched,
)
from backend.contracts.events import State
from backend.engine.jobs import facts
from backend.engine.jobs.course import Courses
from backend.engine.jobs.executor import JobRun, Offer
from backend.engine.jobs.job import Job, Rest
from backend.engine.jobs.patience import UNWATCHED
from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.saving import Saver
from backend.engine.jobs.seats import Seat

log = logging.getLogger(__name__)


class End(NamedTuple):
    """How a job ended, and the sentence for it."""

    state: State
    error: str | None = None


class Elsewhere(Exception):
    """The job is not run here; another worker takes it."""


def _nowhere_else(job: Job, error: Exception) -> bool:
    return False


class Worker:
    """Takes jobs from a queue.

    A job in the background lets interactive ones run inside its own `check`, so they start after
    at most one of its model calls and never meet it on the device.

    Args:
        queue: Where jobs come from.
        execute: Does the work of one.
        saver: Saves results; None keeps them in memory only.
        ended: Told of each job that ran, or would have.
        begun: Told of each job before it runs.
        courses: How long jobs like it took.
        rested: Told of each job that was paused.
        seat: Its place in the queue.
        elsewhere: Asked after each failure: whether another worker runs the job anew.
        offer: Lets idle workers draw parts of a job.
    """

    def __init__(
        self,
        queue: FairQueue[Job],
        execute: Callable[[JobRun], None],
        saver: Saver | None,
        ended: Callable[[Job], None],
        begun: Callable[[Job], None] = lambda job: None,
        courses: Courses | None = None,
        rested: Callable[[Job], None] = lambda job: None,
        seat: Seat[Job] | None = None,
        elsewhere: Callable[[Job, Exception], bool] = _nowhere_else,
        offer: Offer | None = None,
    ) -> None:
        self._queue = queue
        self._execute = execute
        self._saver = saver
        self._ended = ended
        self._begun = begun
        self._courses = courses or Courses()
        self._rested = rested
        self._seat = seat or Seat[Job]()
        self._elsewhere = elsewhere
        self._offer = offer
        if seat is None:
            queue.seat(self._seat)

    def loop(self) -> None:
        """Runs until the queue is closed."""
        self._seat.ready()
        while (job := self._queue.pop(seat=self._seat)) is not None:
            self._run(job)

    def _run(self, job: Job) -> None:
        """Runs a job to its end, whatever happens in it or in what is told of it."""
        before, self._seat.now = self._seat.now, job
        job.device = self._seat.name
        try:
            if not job.start():
                self._ended(job)
            else:
                self._begun(job)
                request = job.request
                job.course = self._courses.begin(request)
                run = JobRun(job, self._give_way, self._saver, offer=self._offer)
                end = self._end_of(run)
                job.executed += run.executed
                if end is None and job.put_to_rest(Rest(run.number, run.course.made)):
                    self._rested(job)
                    return
                end = end or End("stopped", facts.kept(job, job.executed))
                whole = job.rest is None and not job.skipped
                if end.state == "done" and job.course is not None and whole:
                    self._courses.keep(request, job.course, job.elapsed_s)
                job.finish(end.state, end.error, facts.info(job, job.executed))
                self._ended(job)
        except Elsewhere:
            pass
        except BaseException as error:
            log.exception("a job could not be ended as it should")
            job.finish("failed", facts.sentence(error))
        finally:
            self._seat.now = before

    def _end_of(self, run: JobRun) -> End | None:
        """How it ended; None where it was paused."""
        try:
            if run.job.again:
                run.tell(run.job.again)
            self._execute(run)
        except Paused:
            return None
        except Unwatched:
            return End(
                "stopped", f"{UNWATCHED} {facts.kept(run.job, run.job.executed + run.executed)}"
            )
        except Cancelled:
            return End("stopped", facts.kept(run.job, run.job.executed + run.executed))
        except DeadlineExceeded as error:
            return End("stopped", str(error))
        except Exception as error:
            expected = isinstance(error, LoomError)
            if not expected:
                log.exception("job failed")
            may_be_lost = isinstance(error, OutOfMemory) or not expected
            if may_be_lost and self._elsewhere(run.job, error):
                raise Elsewhere from None
            return End("failed", str(error) if expected else facts.sentence(error))
        return End("done")

    def _give_way(self, run: JobRun) -> None:
        before = run.job.progress
        while (other := self._next()) is not None:
            run.report(replace(before, note="Waiting for a picture that goes first"))
            with run.aside():
                self._run(other)
            run.report(before)

    def _next(self) -> Job | None:
        return self._queue.pop(seat=self._seat, interactive_only=True, wait=False)
