"""The jobs of a FakeEngine: tokens, places in the queue, and who waits for what."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from backend.contracts.errors import Cancelled, QueueFull, UnknownName
from backend.contracts.events import JobStatus, Preview, Progress
from backend.contracts.requests import Request, TrainLoraRequest
from backend.engine.fake.run import facts, model, run_steps

_KEPT_JOBS = 64


@dataclass
class FakeJob:
    """What is known of one job."""

    request: Request
    batch: Request  # the one that runs, of several
    owner: str
    background: bool
    status: JobStatus
    watched_at: float
    training: TrainLoraRequest | None = None
    cancelled: bool = False
    preview: Preview | None = None
    waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(default_factory=list)


class FakeQueue:
    """Half of the Engine's interface: everything about jobs but their work.

    Args:
        step_time_s: Duration of one model step.
        grace_s: How long a job runs on unwatched.
        max_waiting: Jobs of one owner that may wait.
    """

    def __init__(self, step_time_s: float, grace_s: float, max_waiting: int) -> None:
        self.step_time_s = step_time_s
        self._grace_s = grace_s
        self._max_waiting = max_waiting
        self._jobs: OrderedDict[str, FakeJob] = OrderedDict()
        self._queue: list[FakeJob] = []
        self._changed = threading.Condition()
        self._closed = False

    def cancel(self, token: str) -> None:
        """Stops the job before its next step."""
        with self._changed:
            job = self._jobs.get(token)
            if job is None:
                return
            job.cancelled = True
            if job in self._queue:
                self._queue.remove(job)
                self._end(job, "stopped", "Stopped before it began.")
            self._changed.notify_all()

    def promote(self, token: str) -> None:
        """Lets a waiting job of its owner go before the one of theirs in front of it."""
        with self._changed:
            job = self._find(token)
            if job in self._queue:
                place = self._queue.index(job)
                other = next(
                    (
                        i
                        for i in reversed(range(place))
                        if self._queue[i].owner == job.owner
                        and self._queue[i].background == job.background
                    ),
                    place,
                )
                self._queue[place], self._queue[other] = self._queue[other], job

    def status(self, token: str) -> JobStatus:
        """Snapshot of a job."""
        with self._changed:
            job = self._find(token)
            if job in self._queue:
                now = [j for j in self._jobs.values() if j.status.state == "running"]
                before = self._queue[: self._queue.index(job)]
                wait_s = sum(j.status.progress.eta_s or 0.0 for j in now) + self.step_time_s * sum(
                    j.request.settings.batch_count * run_steps(j.request.settings) for j in before
                )
                return replace(
                    job.status,
                    position=len(before) + len(now),
                    progress=replace(job.status.progress, eta_s=wait_s),
                )
            return job.status

    def wait(self, token: str, revision: int, timeout_s: float) -> JobStatus:
        """`status`, as soon as its revision exceeds `revision`, or in time."""
        with self._changed:
            job = self._find(token)
            self._changed.wait_for(lambda: job.status.revision > revision, timeout_s)
        return self.status(token)

    async def next_preview(
        self, token: str, revision: int, timeout_s: float = 10.0
    ) -> Preview | None:
        """The newest frame above `revision`; waits without holding a thread."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            fresh = asyncio.Event()
            waiter = (loop, fresh)
            with self._changed:
                job = self._find(token)
                newest = job.preview
                if newest is not None and newest.revision > revision:
                    return newest
                if job.status.state not in ("queued", "running") or loop.time() >= deadline:
                    return None
                job.waiters.append(waiter)
            try:
                # Woken by every change of the job, also by those without a new frame.
                await asyncio.wait_for(fresh.wait(), deadline - loop.time())
            except TimeoutError:
                pass
            finally:
                with self._changed, contextlib.suppress(ValueError):
                    job.waiters.remove(waiter)

    def touch(self, token: str) -> None:
        """Starts the grace period anew."""
        with self._changed:
            if (job := self._jobs.get(token)) is not None:
                job.watched_at = time.monotonic()

    def detach(self, token: str) -> None:
        """The watcher went away: the grace period runs from now."""
        self.touch(token)

    def _queued(
        self, wanted: Request, owner: str, background: bool, training: TrainLoraRequest | None
    ) -> str:
        with self._changed:
            if wanted.branch is not None and wanted.branch.token not in self._jobs:
                raise UnknownName("That run is no longer kept; generate again.", "branch")
            if sum(job.owner == owner for job in self._queue) >= self._max_waiting:
                raise QueueFull("You have as many pictures waiting as fit; let one finish first.")
            token = secrets.token_urlsafe(24)
            job = FakeJob(
                wanted,
                wanted,
                owner,
                background,
                JobStatus(token, "queued", len(self._queue), Progress("queued"), revision=1),
                time.monotonic(),
                training,
            )
            self._jobs[token] = job
            while len(self._jobs) > _KEPT_JOBS:
                oldest = next(iter(self._jobs))
                if self._jobs[oldest].status.state in ("queued", "running"):
                    break
                del self._jobs[oldest]
            place = len(self._queue)
            if not background:
                place = next((i for i, j in enumerate(self._queue) if j.background), place)
            self._queue.insert(place, job)
            self._changed.notify_all()
        return token

    def _find(self, token: str) -> FakeJob:
        job = self._jobs.get(token)
        if job is None:
            raise UnknownName("That run is no longer known; generate again.", "token")
        return job

    def _end(
        self,
        job: FakeJob,
        state: str,
        error: str | None,
        steps: int | None = None,
        elapsed_s: float | None = None,
    ) -> None:
        settings, progress = job.request.settings, job.status.progress
        info: dict[str, Any] = {
            "seeds": [
                settings.batch(number).image_seed(i % settings.batch_size)
                for number in range(settings.batch_count)
                for i in range(settings.picture_count)
            ],
            "settings": settings.model_dump(mode="json"),
            "model": model(settings),
            "mode": settings.mode,
            "steps": progress.step if steps is None else steps,
            "elapsed_s": round(progress.elapsed_s if elapsed_s is None else elapsed_s, 3),
        }
        info |= facts(
            settings, [output.image for output in job.status.outputs], done=state == "done"
        )
        with self._changed:
            if job.preview is not None and not job.preview.final:
                job.preview = replace(job.preview, revision=job.preview.revision + 1, final=True)
            self._publish(job, state=state, error=error, info=job.status.info | info)

    def _pause(self, job: FakeJob, duration_s: float, progress: Progress) -> None:
        self._publish(job, progress=progress)
        until = time.monotonic() + duration_s
        with self._changed:
            while True:
                now = time.monotonic()
                if job.cancelled or self._closed:
                    raise Cancelled("Stopped; what was finished is kept.")
                if not job.background and now - job.watched_at > self._grace_s:
                    raise Cancelled("Stopped because nobody was watching.")
                if now >= until:
                    return
                self._changed.wait(until - now)

    def _publish(self, job: FakeJob, **changes: Any) -> None:
        with self._changed:
            job.status = replace(job.status, revision=job.status.revision + 1, **changes)
            for loop, fresh in job.waiters:
                with contextlib.suppress(RuntimeError):  # its loop has ended with the server
                    loop.call_soon_threadsafe(fresh.set)
            job.waiters.clear()
            self._changed.notify_all()
