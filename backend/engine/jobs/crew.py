"""The workers of a board, one a device: who is taken out, and what owners say of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from backend.contracts.errors import BadInput, OutOfMemory, UnknownName
from backend.contracts.events import Resident
from backend.contracts.requests import (
    ResolvedRequest,
    TrainDigitsRequest,
    TrainLoraRequest,
    VideoRequest,
)
from backend.engine.jobs import timeline_video
from backend.engine.jobs.course import Courses
from backend.engine.jobs.executor import Executor, JobRun
from backend.engine.jobs.job import Job
from backend.engine.jobs.protocol import DeviceMemory
from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.saving import Saver, SavesPictures
from backend.engine.jobs.seats import Seat
from backend.engine.jobs.sharing import shared
from backend.engine.jobs.shelf import Shelf
from backend.engine.jobs.timeline import StepT, TimelineStore
from backend.engine.jobs.worker import Worker

log = logging.getLogger(__name__)

MOVES = 1  # a job that was running when two devices failed may be why


@dataclass(frozen=True)
class Told:
    """Whom workers tell what becomes of jobs.

    Attributes:
        ended: It has.
        begun: It runs.
        rested: It was paused.
        moved: It waits again, for another device.
        kept: Whether it may still be asked about.
        saved: A picture of it was saved after its end.
    """

    ended: Callable[[Job], None]
    begun: Callable[[Job], None]
    rested: Callable[[Job], None]
    moved: Callable[[Job], None]
    kept: Callable[[Job], bool]
    saved: Callable[[Job], None]


class Crew(Generic[StepT]):
    """Of one board. Safe from any thread.

    Args:
        queue: Where jobs wait.
        shelf: Holds all jobs.
        timelines: Stored steps of all runs.
        told: Whom workers tell.
    """

    def __init__(
        self, queue: FairQueue[Job], shelf: Shelf, timelines: TimelineStore[StepT], told: Told
    ) -> None:
        self._queue, self._shelf, self._timelines, self._told = queue, shelf, timelines, told
        self.executors: list[Executor[StepT]] = []
        self._of_device: dict[str, Executor[StepT]] = {}
        self._threads: list[threading.Thread] = []
        self._savers: list[Saver] = []
        self._courses = Courses()

    @property
    def seats(self) -> Sequence[Seat[Job]]:
        """The workers' places in the queue."""
        return self._queue.seats

    def employ(
        self,
        executor: Executor[StepT],
        storage: SavesPictures | None,
        name: str,
        seat: Seat[Job] | None = None,
    ) -> None:
        """Starts a worker for the executor of one device.

        Args:
            executor: Does the work.
            storage: Where its pictures are saved; None keeps them in memory.
            name: Of its thread.
            seat: What it takes.
        """
        place = seat or Seat[Job]()
        place.model = model_of

        def execute(run: JobRun) -> None:
            if isinstance(run.job.request, VideoRequest):
                timeline_video.make(run, run.job.request, self._timelines, executor)
            else:
                executor.execute(run)

        saver = None if storage is None else Saver(storage, self._told.kept, self._told.saved)
        if saver is not None:
            self._savers.append(saver)
        worker = Worker(
            self._queue,
            execute,
            saver,
            self._told.ended,
            self._told.begun,
            self._courses,
            self._told.rested,
            place,
            lambda job, error: self._elsewhere(place, job, error),
            lambda run, parts: shared(run, self._queue, parts),
        )
        thread = threading.Thread(target=worker.loop, name=name, daemon=True)
        self._queue.seat(place)
        self.executors.append(executor)
        self._of_device[place.name] = executor
        self._threads.append(thread)
        thread.start()

    def executor_of(self, token: str) -> Executor[StepT]:
        """Of the device on which a job ran; the first one's where that is not known."""
        job = self._shelf.get(token)
        return self._of_device.get("" if job is None else job.device) or self.executors[0]

    def holds(self, seat: Seat[Job], job: Job, whole: Callable[[str], bool]) -> bool:
        """Whether a job finds what it needs on a device.

        Args:
            seat: The device.
            job: That waits.
            whole: Whether a model is there.
        """
        if isinstance(job.request, VideoRequest):
            run = self._shelf.get(job.request.run)
            return run is None or run.device == seat.name
        model = model_of(job)
        return not model or whole(model)

    # --- devices that fail -------------------------------------------------------------------

    def _elsewhere(self, seat: Seat[Job], job: Job, error: Exception) -> bool:
        """After a failure: whether another device runs the job anew."""
        others = [one for one in self.seats if one is not seat and one.open]
        if not others:  # the last one is not taken out: the next job may do
            return False
        if why := seat.lost(error):
            if not seat.failed:
                log.error("%s is taken out: %s", seat.name, why)
                seat.failed = f"{why} It takes no jobs until an owner enables it again."
            if job.moves >= MOVES or job.part_of is not None:
                return False  # whoever offered a part draws it
            job.moves += 1
            return self._moved(job, f"Started again: {seat.name} failed while it ran.")
        if (
            isinstance(error, OutOfMemory)
            and job.part_of is None
            and any(one.room_bytes > seat.room_bytes and one.takes(job) for one in others)
        ):
            seat.avoids.add(job)
            return self._moved(job, f"Started again: it did not fit into {seat.name}.")
        return False

    def _moved(self, job: Job, why: str) -> bool:
        request = job.request
        if isinstance(request, ResolvedRequest):
            request = replace(request, resumed=None)  # its steps lay on that device
        job.go_back(why, request)
        self._told.moved(job)
        self._queue.put_back(job, first=True)
        return True

    # --- what owners say ---------------------------------------------------------------------

    def set(self, name: str, *, takes: bool | None = None, pinned: str | None = None) -> None:
        """Drains or enables a device, or keeps it for one model; what runs there goes on.

        Args:
            name: Of the device.
            takes: Whether jobs may begin there; None leaves it so.
            pinned: The model; "" takes all, None leaves it so.

        Raises:
            UnknownName: There is no such device.
            BadInput: There is one device alone; the queue is paused instead.
        """
        seat = next((one for one in self.seats if one.name == name), None)
        if len(self.seats) < 2:
            raise BadInput("There is one device alone; pause the queue instead.")
        if seat is None:
            known = ", ".join(one.name for one in self.seats)
            raise UnknownName(f"There is no device '{name}'; there are {known}.")

        def change() -> None:
            if takes is not None:
                seat.drained = not takes
                seat.failed = "" if takes else seat.failed
            if pinned is not None:
                seat.pinned = pinned

        self._queue.rearrange(change)

    def close(self, timeout_s: float) -> None:
        """Returns once the workers have ended, and what they made is saved."""
        for thread in self._threads:
            thread.join(timeout=timeout_s)
        for saver in self._savers:
            saver.close()

    def foreseen_s(self, foresee: Callable[[Executor[StepT]], float | None]) -> float | None:
        """What the first device says that knows."""
        known: Iterator[float | None] = map(foresee, self.executors)
        return next((one for one in known if one is not None), None)


def device_memory(
    seat: Seat[Job],
    hardware: str,
    sizes: tuple[int, int, int, int],
    residents: tuple[Resident, ...],
) -> DeviceMemory:
    """One device as people are told of it.

    Args:
        seat: Its worker.
        hardware: What it is.
        sizes: Weights there, that may be, in RAM, that may be; bytes.
        residents: Its models' parts.
    """
    return DeviceMemory(
        seat.name,
        hardware,
        *sizes,
        residents,
        not seat.drained,
        seat.failed,
        seat.pinned,
        seat.now is not None,
    )


def model_of(job: Job) -> str:
    """The model that a job runs; empty where it needs none."""
    match job.request:
        case TrainLoraRequest() | TrainDigitsRequest():
            return job.request.settings.model
        case VideoRequest():
            return ""
        case request:
            return request.settings.model if request.settings.needs_model else ""
