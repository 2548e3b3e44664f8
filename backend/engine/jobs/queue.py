"""The order of jobs: interactive before background, in turn between owners, first come first served
within one owner.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from backend.contracts.errors import Closing, QueueFull
from backend.engine.jobs.owners import account_of


class Queued(Protocol):
    @property
    def owner(self) -> str: ...
    @property
    def background(self) -> bool: ...


T = TypeVar("T", bound=Queued)


class _Turns(Generic[T]):
    """One lane: a deque for each owner, served in turn."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, deque[T]] = OrderedDict()

    def push(self, job: T) -> None:
        self._owners.setdefault(job.owner, deque()).append(job)

    def pop(self) -> T | None:
        if not self._owners:
            return None
        owner, jobs = next(iter(self._owners.items()))
        job = jobs.popleft()
        del self._owners[owner]
        if jobs:
            self._owners[owner] = jobs  # to the end of the line
        return job

    def remove(self, job: T) -> bool:
        jobs = self._owners.get(job.owner)
        if jobs is None or job not in jobs:
            return False
        jobs.remove(job)
        if not jobs:
            del self._owners[job.owner]
        return True

    def promote(self, job: T) -> bool:
        jobs = self._owners.get(job.owner)
        if jobs is None or job not in jobs:
            return False
        place = jobs.index(job)
        if place:
            jobs[place - 1], jobs[place] = job, jobs[place - 1]
        return True

    def count(self) -> int:
        return sum(map(len, self._owners.values()))

    def order(self) -> Iterator[T]:
        """The jobs in the order in which they would be popped."""
        lanes = [deque(jobs) for jobs in self._owners.values()]
        while lanes:
            lane = lanes.pop(0)
            yield lane.popleft()
            if lane:
                lanes.append(lane)


class FairQueue(Generic[T]):
    """A thread-safe queue for one device's worker.

    Args:
        limit_per_owner: Waiting jobs that one owner may have, in both lanes together.
        limit: Waiting jobs of all owners; names of owners cost nothing where nobody logs in.
    """

    def __init__(self, limit_per_owner: int = 32, limit: int = 256) -> None:
        self._limit_per_owner = limit_per_owner
        self._limit = limit
        self._interactive: _Turns[T] = _Turns()
        self._background: _Turns[T] = _Turns()
        self._changed = threading.Condition()
        self._closed = False
        self._paused = False
        self._changes = 0

    def put_back(self, job: T) -> None:
        """Appends a job that was taken before, by an earlier process: no limit refuses it."""
        with self._changed:
            (self._background if job.background else self._interactive).push(job)
            self._changes += 1
            self._changed.notify()

    @property
    def changes(self) -> int:
        """Rises whenever other jobs wait, or in another order."""
        return self._changes

    @property
    def paused(self) -> bool:
        """Whether jobs stay here until `pause(False)`."""
        return self._paused

    def pause(self, on: bool) -> None:
        """From here on no job leaves the queue, or again they do."""
        with self._changed:
            self._paused = on
            self._changed.notify_all()

    def order(self) -> list[T]:
        """All that wait, in their order."""
        with self._changed:
            return list(self._order())

    def push(self, job: T) -> None:
        """Appends a job.

        Raises:
            QueueFull: The owner has `limit_per_owner` jobs waiting, all have `limit`, or the queue
                is closed.
        """
        with self._changed:
            self._check(job)
            (self._background if job.background else self._interactive).push(job)
            self._changes += 1
            self._changed.notify()

    def check(self, job: T) -> None:
        """Whether there is room for a job; raises as `push` does."""
        with self._changed:
            self._check(job)

    def _check(self, job: T) -> None:
        if self._closed:
            raise Closing("The studio is closing; start it again and generate then.")
        account = account_of(job.owner)
        waiting = sum(account_of(other.owner) == account for other in self._order())
        if waiting >= self._limit_per_owner:
            raise QueueFull(
                f"You already have {waiting} jobs waiting; stop one or wait until one is done."
            )
        if (others := self._interactive.count() + self._background.count()) >= self._limit:
            raise QueueFull(f"{others} jobs wait, as many as may; try again in a while.")

    def pop(self, *, interactive_only: bool = False, wait: bool = True) -> T | None:
        """Next job; None once closed, or at once when `wait` is false and nothing is there."""
        with self._changed:
            while not self._closed:
                job = None if self._paused else self._interactive.pop()
                if job is None and not interactive_only and not self._paused:
                    job = self._background.pop()
                if job is not None or not wait:
                    self._changes += job is not None
                    return job
                self._changed.wait()
            return None

    def remove(self, job: T) -> bool:
        """Takes a waiting job out; False when it does not wait here."""
        with self._changed:
            self._changes += 1
            return self._interactive.remove(job) or self._background.remove(job)

    def promote(self, job: T) -> bool:
        """Before its owner's job in front of it; False when it does not wait here.

        Turns between owners stay as they are.
        """
        with self._changed:
            self._changes += 1
            return self._interactive.promote(job) or self._background.promote(job)

    def _order(self) -> Iterator[T]:
        yield from self._interactive.order()
        yield from self._background.order()

    def close(self) -> list[T]:
        """Wakes the worker with None and returns the jobs that were still waiting."""
        with self._changed:
            self._closed = True
            self._changes += 1
            left = list(self._order())
            self._interactive, self._background = _Turns(), _Turns()
            self._changed.notify_all()
            return left
