"""The board of an engine's jobs: tokens, states, fair turns, limits, results, timelines."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.events import (
    File,
    JobStatus,
    Output,
    Pixels,
    Preview,
    TimelineInfo,
)
from backend.contracts.holdings import Holding, Keeper
from backend.contracts.requests import Request, Runnable, TrainLoraRequest, VideoRequest
from backend.engine.jobs import timeline_video
from backend.engine.jobs.executor import Executor, JobRun
from backend.engine.jobs.job import Job, Patience
from backend.engine.jobs.protocol import FrameKind
from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.saving import Saver, SavesPictures
from backend.engine.jobs.shelf import Shelf
from backend.engine.jobs.timeline import StepT, TimelineStore
from backend.engine.jobs.worker import Worker

CLOSE_S = 30.0  # a worker ends within one model call
MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What a board keeps and lets wait.

    Attributes:
        waiting: Jobs of one owner that may wait.
        waiting_in_all: Jobs of all together.
        ended: Jobs that have ended and may still be asked about.
        results_bytes: Pictures of these.
        timelines_bytes: Stored steps of all runs.
    """

    waiting: int = 32
    waiting_in_all: int = 256
    ended: int = 64
    results_bytes: int = 512 * MIB
    timelines_bytes: int = 512 * MIB


STANDARD_LIMITS = Limits()


class Board(Generic[StepT]):
    """The half of the `Engine` protocol that is about jobs, the same for every engine.

    An engine derives from it, settles requests in its `submit`, and gives it an executor for each
    device. All methods are safe from any thread.

    Args:
        patience: How long jobs go on while nobody watches.
        limits: What is kept, and how much may wait.
    """

    def __init__(self, patience: Patience | None = None, limits: Limits = STANDARD_LIMITS) -> None:
        self._patience = patience or Patience()
        self._queue: FairQueue[Job] = FairQueue(limits.waiting, limits.waiting_in_all)
        self._shelf = Shelf(limits.ended, limits.results_bytes)
        self._timelines = TimelineStore[StepT](limits.timelines_bytes)
        self._executors: list[Executor[StepT]] = []
        self._threads: list[threading.Thread] = []
        self._savers: list[Saver] = []

    def _employ(self, executor: Executor[StepT], storage: SavesPictures | None, name: str) -> None:
        """Starts a worker for the executor of one device."""

        def execute(run: JobRun) -> None:
            if isinstance(run.job.request, VideoRequest):
                timeline_video.make(run, run.job.request, self._timelines, executor)
            else:
                executor.execute(run)

        saver = None if storage is None else Saver(storage, self._is_kept)
        if saver is not None:
            self._savers.append(saver)
        worker = Worker(self._queue, execute, saver, self._ended)
        thread = threading.Thread(target=worker.loop, name=name, daemon=True)
        self._executors.append(executor)
        self._threads.append(thread)
        thread.start()

    def _put(self, request: Runnable, owner: str, *, background: bool) -> str:
        """Queues a settled request and returns the job's token.

        Raises:
            UnknownName: The run that it goes on from, or shows, is not kept.
            QueueFull: The owner has too many jobs waiting.
        """
        if isinstance(request, Request) and request.branch is not None:
            self._timelines.load(request.branch.token, request.branch.step)
        if isinstance(request, VideoRequest):
            timeline_video.check(request, self._timelines)
            run = self._shelf.get(request.run)
            owner = owner or (run.owner if run is not None else "")
        background = background or isinstance(request, TrainLoraRequest)
        patience = self._patience.of(request)
        job = Job(request, owner, background=background, patience=patience)
        self._shelf.put(job)
        try:
            self._queue.push(job)
        except Exception:
            self._shelf.drop(job.token)
            raise
        return job.token

    def _ended(self, job: Job) -> None:
        """A job has ended: it may be forgotten, and others that ended before it."""
        self._timelines.end(job.token)
        for token in self._shelf.tidy():
            self._timelines.drop(token)

    def _is_kept(self, job: Job) -> bool:
        return self._shelf.get(job.token) is job

    @property
    def _keepers(self) -> tuple[Keeper, ...]:
        """Whoever holds something of jobs for later."""
        return (self._timelines, self._shelf)

    def _holdings(self) -> tuple[Holding, ...]:
        return tuple(holding for keeper in self._keepers for holding in keeper.holdings())

    def _release(self) -> int:
        return sum(keeper.release() for keeper in self._keepers)

    # --- jobs --------------------------------------------------------------------------------

    def cancel(self, token: str) -> None:
        """Stops a job; see the protocol."""
        job = self._shelf.get(token)
        if job is None:
            return
        job.cancel()
        if self._queue.remove(job):
            job.finish("stopped", "Stopped before it began.")
            self._ended(job)

    def promote(self, token: str) -> None:
        """Moves a waiting job before its owner's one in front of it; see the protocol."""
        self._queue.promote(self._job(token))

    def status(self, token: str) -> JobStatus:
        """Snapshot of a job; see the protocol."""
        job = self._job(token)
        before = self._before(job)
        status = job.status(len(before or ()), self._timelines.info(token))
        if before is None or status.state != "queued":
            return status
        return replace(status, progress=replace(status.progress, eta_s=self._wait_s(before)))

    def wait(self, token: str, revision: int, timeout_s: float) -> JobStatus:
        """`status`, as soon as its revision exceeds `revision`, or in time."""
        self._job(token).wait(revision, timeout_s)
        return self.status(token)

    async def next_preview(
        self, token: str, revision: int, timeout_s: float = 10.0
    ) -> Preview | None:
        """The newest frame above `revision`; waits without holding a thread."""
        return await self._job(token).previews.next(revision, timeout_s)

    def touch(self, token: str) -> None:
        """Says that somebody watches the job."""
        self._job(token).touch()

    def detach(self, token: str) -> None:
        """The watcher went away: the grace period runs from now."""
        self._job(token).detach()

    def results(self, token: str) -> tuple[Output, ...]:
        """Finished pictures of a job."""
        return self._job(token).outputs

    def file(self, token: str) -> File | None:
        """What a job made that is no picture; None until it has."""
        return self._job(token).file

    # --- timelines ---------------------------------------------------------------------------

    def timeline(self, token: str) -> TimelineInfo | None:
        """What is stored of the run."""
        return self._timelines.info(token)

    def timeline_frame(
        self, token: str, step: int, kind: FrameKind = "x0", image: int = 0
    ) -> Pixels:
        """The picture of a stored step, at once."""
        stored = self._timelines.load(token, step)
        batch = stored.step.batch
        if not 0 <= image < batch:
            raise BadInput(f"That run made {batch} pictures; choose one of them.", "image")
        return self._executors[0].glance(stored.settings, stored.step, kind, image)

    def close(self) -> None:
        """Stops every job and the workers; returns once they have ended."""
        for job in self._shelf.all():
            job.cancel()
        for job in self._queue.close():
            job.finish("stopped", "The program is closing.")
        for thread in self._threads:
            thread.join(timeout=CLOSE_S)
        for saver in self._savers:
            saver.close()

    # --- who waits for whom ------------------------------------------------------------------

    def _job(self, token: str) -> Job:
        job = self._shelf.get(token)
        if job is None:
            raise UnknownName("That job is no longer known; it may have ended long ago.")
        return job

    def _before(self, job: Job) -> list[Job] | None:
        """Jobs that end before this one begins; None where it does not wait."""
        waiting = self._queue.before(job)
        if waiting is None:
            return None
        # One in the background steps aside within a model call: nobody waits for it.
        return [
            other
            for other in self._shelf.all()
            if other.state == "running" and (job.background or not other.background)
        ] + waiting

    def _wait_s(self, before: Sequence[Job]) -> float | None:
        """Seconds until these jobs have ended; None where one cannot be foreseen."""
        total = 0.0
        for job in before:
            left = job.progress.eta_s if job.state == "running" else None
            if left is None and isinstance(job.request, Request):
                left = self._executors[0].foresee_s(job.request.settings)
            if left is None:
                return None
            total += left
        return total
