"""The board of an engine's jobs: tokens, states, fair turns, limits, results, timelines."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic

from backend.contracts.errors import BadInput, StorageProblem, UnknownName
from backend.contracts.events import (
    File,
    JobStatus,
    Output,
    Pixels,
    Preview,
    TimelineInfo,
)
from backend.contracts.holdings import Holding, Keeper
from backend.contracts.library import Library
from backend.contracts.requests import (
    Request,
    ResolvedRequest,
    Runnable,
    Training,
    VideoRequest,
)
from backend.contracts.settings import Settings
from backend.engine.jobs import facts, timeline_video
from backend.engine.jobs.crew import Crew, Told
from backend.engine.jobs.executor import Executor
from backend.engine.jobs.given import check_given
from backend.engine.jobs.job import Job, Rest
from backend.engine.jobs.journal import Journal
from backend.engine.jobs.lasting import Lasting
from backend.engine.jobs.limits import STANDARD_LIMITS, Limits
from backend.engine.jobs.meter import Meter, cost
from backend.engine.jobs.owners import account_of, maker_of
from backend.engine.jobs.patience import Patience
from backend.engine.jobs.protocol import Figures, FrameKind, Quota
from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.resting import Rests
from backend.engine.jobs.saving import SavesPictures
from backend.engine.jobs.seats import Seat
from backend.engine.jobs.shelf import Shelf
from backend.engine.jobs.timeline import StepT, TimelineStore
from backend.engine.jobs.waits import Waits
from backend.resolve import live
from backend.storage.makers import Viewer

CLOSE_S = 30.0  # a worker ends within one model call
LINGER_S = 5.0  # for a job that ends by then


class Board(Generic[StepT]):
    """The half of the `Engine` protocol that is about jobs, the same for every engine.

    An engine derives from it, settles requests in its `submit`, and gives it an executor for each
    device. All methods are safe from any thread.

    Args:
        patience: How long jobs go on while nobody watches.
        limits: What is kept, and how much may wait.
        queue: Folder where jobs are kept for after a restart; None keeps them in memory.

    Raises:
        StorageProblem: That folder cannot be used.
    """

    def __init__(
        self,
        patience: Patience | None = None,
        limits: Limits = STANDARD_LIMITS,
        queue: Path | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self._queue: FairQueue[Job] = FairQueue(limits.waiting, limits.waiting_in_all)
        self._shelf = Shelf(limits.ended, limits.results_bytes)
        self._timelines = TimelineStore[StepT](limits.timelines_bytes)
        told = Told(
            self._ended, self._begun, self._rested, self._moved, self._is_kept, self._saved_late
        )
        self._crew = Crew(self._queue, self._shelf, self._timelines, told)
        self._limits = limits
        self._journal = Journal()
        self._changing = threading.Lock()
        self._waits = Waits(self._queue, self._shelf, self._foreseen_s)
        self._shelf.tell(self._timelines.rename)
        try:
            self._lasting = None if queue is None else Lasting(queue)
        except OSError as error:
            raise StorageProblem(str(error)) from None
        self._meter = self._metered(limits.megapixel_steps)
        executors = self._crew.executors
        self._rests = Rests(self._timelines, self._shelf, executors, self._lasting, limits)

    def _metered(self, limit: float) -> Meter:
        """What people ask for, with what an earlier process has counted in the last hour."""
        if self._lasting is None:
            return Meter(limit)
        meter = Meter(limit, note=self._lasting.asked.note)
        meter.found(self._lasting.asked.lately())
        return meter

    def _employ(
        self,
        executor: Executor[StepT],
        storage: SavesPictures | None,
        name: str,
        seat: Seat[Job] | None = None,
    ) -> None:
        """Starts a worker for the executor of one device."""
        self._crew.employ(executor, storage, name, seat)

    def _restore(self) -> None:
        """Takes up what an earlier process has left; the last thing of an engine's start."""
        if self._lasting is None:
            return
        self._queue.pause(self._lasting.paused)
        found = self._lasting.found(self._patience.of)
        for one in sorted(found, key=lambda one: one.row.ended_s or 0.0):
            one.job.lasting = True
            self._shelf.put(one.job)
            if one.job.state == "paused" and (problem := self._rests.again(one.job)):
                one.job.finish("failed", problem)
                self._ended(one.job)
        for one in sorted(found, key=lambda one: one.row.state != "running"):
            if one.job.state == "queued":
                self._queue.put_back(one.job)

    def _put(
        self,
        request: Runnable,
        owner: str,
        *,
        background: bool,
        lasting: bool = False,
        token: str = "",
    ) -> str:
        """Queues a settled request and returns the job's token.

        Args:
            request: To be run.
            owner: Whose turn it takes.
            background: Whether it gives way.
            lasting: Whether it is kept for after a restart; on the disk when this returns.
            token: Of the job; one that is known is not queued once more.

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
        background = background or isinstance(request, Training)
        patience = self._patience.of(request)
        if token and self._shelf.get(token) is not None:
            return token
        job = Job(request, owner, background=background, patience=patience, token=token)
        self._queue.check(job)
        limits = self._limits
        check_given(job, self._shelf.all(), limits.given_bytes, limits.given_in_all_bytes)
        self._meter.take(account_of(owner), cost(request))
        self._shelf.put(job)
        try:
            if lasting and self._lasting is not None:
                job.lasting = self._lasting.accept(job)
            self._queue.push(job)
        except Exception:
            self._shelf.drop(job.token)
            self._forget([job])
            raise
        self._journal.queued(job)
        return job.token

    def _ended(self, job: Job) -> None:
        """A job has ended: it may be forgotten, and others that ended before it."""
        if job.part_of is not None:
            self._timelines.drop(job.token)
            return
        self._journal.ended(job)
        self._timelines.end(job.token)
        if job.lasting and self._lasting is not None and not job.put_off:
            self._lasting.ended(job)
        if self._lasting is not None:
            for one in self._shelf.spilling():
                self._lasting.spill(one)
        gone = self._shelf.tidy()
        for one in gone:
            self._timelines.drop(one.token)
        self._forget(gone)

    def _begun(self, job: Job) -> None:
        if job.part_of is not None:
            return
        self._journal.begun(job)
        if job.lasting and self._lasting is not None:
            self._lasting.begun(job)

    def _moved(self, job: Job) -> None:
        """A job waits again, for another device than the one that failed under it."""
        self._timelines.drop(job.token)
        if job.lasting and self._lasting is not None:
            job.starts -= 1  # the studio has not stopped under it
            self._lasting.queued(job)

    def _foreseen_s(self, settings: Settings) -> float | None:
        return self._crew.foreseen_s(lambda executor: executor.foresee_s(settings))

    def _saved_late(self, job: Job) -> None:
        if job.lasting and self._lasting is not None:
            self._lasting.saved(job)

    def _forget(self, jobs: Sequence[Job]) -> None:
        if self._lasting is not None:
            self._lasting.forget([job for job in jobs if job.lasting or job.spilled])

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
        if self._queue.remove(job) or job.state == "paused":
            self._stopped(job)

    def _stopped(self, job: Job) -> None:
        """Ends a job that no worker has."""
        begun = job.executed or job.outputs
        why = facts.kept(job, job.executed) if begun else "Stopped before it began."
        job.finish("stopped", why)
        self._ended(job)

    def skip(self, token: str, part: int) -> None:
        """Passes over a run of a job; see the protocol."""
        self._job(token).skip(part)

    def cancel_all(self) -> int:
        """Stops everybody's jobs; see the protocol."""
        jobs = [job for job in self._shelf.all() if job.ended_at is None]
        for job in jobs:
            self.cancel(job.token)
        return len(jobs)

    def change(self, token: str, values: Mapping[str, Any]) -> None:
        """Goes on with other values; see the protocol."""
        job = self._job(token)
        with self._changing:
            if job.ended_at is not None:
                raise BadInput("That run has ended; generate again with what you changed.")
            if not isinstance(job.request, ResolvedRequest):
                raise BadInput("Only pictures can be changed while they form.")
            wish, resolved = live.settled(job.request, job.wishes, values, self.library())
            if wish:
                self._check_limits(resolved)
                job.wish(wish)

    def pause_job(self, token: str) -> None:
        """Lets a job rest before its next step; see the protocol."""
        job = self._job(token)
        with self._changing:
            if job.state == "paused":
                return
            self._rests.check(job)
            if not self._queue.remove(job):
                job.hold()
                return
            rests = job.put_to_rest(job.rest or Rest())
        if rests:
            self._rested(job)
        else:
            self._stopped(job)

    def resume_job(self, token: str, *, step: int | None = None, steps: int | None = None) -> None:
        """Lets a resting job go on; see the protocol."""
        job = self._job(token)
        with self._changing:
            if job.state != "paused":
                raise BadInput("That run is not paused.")
            self._queue.check(job)
            job.go_on(self._rests.resumed(job, step), steps)
            if job.lasting and self._lasting is not None:
                self._lasting.queued(job)
            self._queue.push(job)

    def _rested(self, job: Job) -> None:
        self._rests.begin(job)

    def library(self, *, refresh: bool = False) -> Library:
        """What there is; each engine knows its own."""
        raise NotImplementedError

    def _check_limits(self, request: ResolvedRequest) -> None:
        """Refuses what the device cannot hold; an engine without limits takes all."""

    def promote(self, token: str) -> None:
        """Moves a waiting job before its owner's one in front of it; see the protocol."""
        self._queue.promote(self._job(token))
        if self._lasting is not None:
            self._lasting.reorder([job.key for job in self._queue.order()])

    @property
    def paused(self) -> bool:
        """Whether waiting jobs stay where they are."""
        return self._queue.paused

    def pause(self, on: bool) -> None:
        """Holds the queue or lets it go on; see the protocol."""
        self._queue.pause(on)
        if self._lasting is not None:
            self._lasting.paused = on

    def set_device(
        self, name: str, *, takes: bool | None = None, pinned: str | None = None
    ) -> None:
        """Drains or enables a device, or keeps it for one model; see the protocol."""
        self._crew.set(name, takes=takes, pinned=pinned)

    def keep(self, token: str, on: bool) -> None:
        """Lets a job go on when its page is left, or not; see the protocol."""
        job = self._job(token)
        job.keep(on)
        if self._lasting is not None and job.lasting:
            self._lasting.keep(job)

    def retry(self, token: str) -> str:
        """Asks for a job once more; see the protocol."""
        job = self._job(token)
        if job.ended_at is None:
            raise BadInput("That job has not ended; stop it first.")
        if self._lasting is None or not job.lasting:
            raise BadInput("What that job was given is not kept; generate it again.")
        request = self._lasting.request(job)
        return self._put(request, job.owner, background=job.background, lasting=True)

    def quota(self, owner: str) -> Quota:
        """What somebody has, of what they may have; see the protocol."""
        account, waiting = account_of(owner), self._queue.order()
        mine = [n for n, job in enumerate(waiting) if account_of(job.owner) == account]
        return Quota(
            len(mine),
            self._limits.waiting,
            len(waiting),
            self._limits.waiting_in_all,
            round(self._meter.used(account), 2),
            self._limits.megapixel_steps,
            self._limits.ended,
            self._waits.done_s(account, waiting[mine[-1]] if mine else None),
        )

    def figures(self) -> Figures | None:
        """Jobs in numbers; see the protocol."""
        return self._journal.figures(self._shelf.all(), paused=self.paused)

    def forget(self, viewer: Viewer) -> None:
        """Removes what somebody has asked for; see the protocol."""
        jobs = [job for job in self._shelf.all() if viewer.owns(maker_of(job.owner))]
        for job in jobs:
            self.cancel(job.token)
        until = time.monotonic() + CLOSE_S
        for job in jobs:
            while job.ended_at is None and time.monotonic() < until:
                job.wait(job.status(0).revision, 1.0)
            self._shelf.drop(job.token)
            self._timelines.drop(job.token)
        self._forget(jobs)
        if self._lasting is not None:
            self._lasting.compact()

    def status(self, token: str) -> JobStatus:
        """Snapshot of a job; see the protocol."""
        return self._waits.status(self._job(token), self._timelines.info(token))

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
        return self._crew.executor_of(token).glance(stored.settings, stored.step, kind, image)

    def close(self) -> None:
        """Stops every job and the workers; returns once they have ended.

        With a folder, what waits stays for the next start, and so does what runs, where a moment
        is not enough for it to end.
        """
        for job in self._queue.close():
            job.put_aside()
            job.finish("stopped")
        self._linger()
        for job in self._shelf.all():
            job.put_aside()
        self._crew.close(CLOSE_S)
        if self._lasting is not None:
            self._lasting.close()

    def _linger(self) -> None:
        """A running job that is about to end may."""
        until = time.monotonic() + LINGER_S
        while any(
            job.lasting and job.ended_at is None and _is_near_its_end(job)
            for job in self._shelf.all()
        ):
            if time.monotonic() >= until:
                return
            time.sleep(0.05)

    def _job(self, token: str) -> Job:
        job = self._shelf.get(token)
        if job is None:
            raise UnknownName("That job is no longer known; it may have ended long ago.")
        return job


def _is_near_its_end(job: Job) -> bool:
    left_s = job.progress.eta_s
    return job.state == "running" and left_s is not None and left_s < LINGER_S
