"""The order of jobs: interactive before background, in turn between owners, first come first served
within one owner; and who of several workers is given which, see `seats`.

What is done for one job takes as long with ten thousand waiting as with ten.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Generic, Protocol, TypeVar

from backend.contracts.errors import Closing, QueueFull
from backend.engine.jobs.owners import account_of
from backend.engine.jobs.seats import OVERTAKES, Placed, Seat, Seats


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
        self.count = 0

    def push(self, job: T) -> None:
        self._owners.setdefault(job.owner, deque()).append(job)
        self.count += 1

    def push_first(self, job: T) -> None:
        """In front of all: it was given a worker before."""
        self._owners.setdefault(job.owner, deque()).appendleft(job)
        self._owners.move_to_end(job.owner, last=False)
        self.count += 1

    def take(self, job: T) -> None:
        """One that waits is served: its owner goes to the end of the line."""
        self.remove(job)
        if job.owner in self._owners:
            self._owners.move_to_end(job.owner)

    def remove(self, job: T) -> bool:
        jobs = self._owners.get(job.owner)
        if jobs is None or job not in jobs:
            return False
        jobs.remove(job)
        self.count -= 1
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

    def order(self) -> Iterator[T]:
        """The jobs in the order in which they would be served; the first ones at once."""
        lanes, turn = self._owners.values(), 0
        while lanes:
            for jobs in lanes:
                if turn < len(jobs):
                    yield jobs[turn]
            turn += 1
            lanes = [jobs for jobs in lanes if turn < len(jobs)]


class FairQueue(Generic[T]):
    """A thread-safe queue for the workers of one board.

    Args:
        limit_per_owner: Waiting jobs that one owner may have, in both lanes together.
        limit: Waiting jobs of all owners; names of owners cost nothing where nobody logs in.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        limit_per_owner: int = 32,
        limit: int = 256,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_per_owner = limit_per_owner
        self._limit = limit
        self._clock = clock
        self._interactive: _Turns[T] = _Turns()
        self._background: _Turns[T] = _Turns()
        self._parts: _Turns[T] = _Turns()  # of jobs that run; they wait for nobody
        self._of_account: Counter[str] = Counter()
        self._seats: Seats[T] = Seats()
        self._changed = threading.Condition()
        self._closed = False
        self._paused = False
        self._changes = 0

    # --- workers -----------------------------------------------------------------------------

    def seat(self, seat: Seat[T]) -> None:
        """One more worker takes jobs."""
        with self._changed:
            self._seats.all.append(seat)

    @property
    def seats(self) -> Sequence[Seat[T]]:
        """All workers."""
        return self._seats.all

    def rearrange(self, change: Callable[[], None]) -> None:
        """Changes what workers take, between two jobs."""
        with self._changed:
            change()
            self._changes += 1
            self._place()
            self._changed.notify_all()

    def pop(
        self, *, seat: Seat[T] | None = None, interactive_only: bool = False, wait: bool = True
    ) -> T | None:
        """Next job; None once closed, or at once when `wait` is false and nothing is there.

        Args:
            seat: The worker that asks; None is one that takes all.
            interactive_only: Jobs in the background stay.
            wait: For a job.
        """
        with self._changed:
            seat = seat or self._own_seat()
            if not wait:
                return None if self._closed else self._at_once(seat, interactive_only)
            seat.idle = True
            try:
                while not self._closed:
                    self._place()
                    if (job := seat.given) is not None:
                        seat.given = None
                        return job
                    self._changed.wait()
                return None
            finally:
                seat.idle = False

    def _own_seat(self) -> Seat[T]:
        """Of a worker that never said that it is one: all such share it."""
        if (seat := self._seats.named("")) is None:
            seat = Seat[T]()
            self._seats.all.append(seat)
        return seat

    def _at_once(self, seat: Seat[T], interactive_only: bool) -> T | None:
        found = self._next([seat] if seat.open else [], interactive_only)
        return None if found is None else found.job

    def _place(self) -> None:
        """Gives jobs to all workers that have none."""
        while (idle := self._seats.idle()) and (found := self._next(idle)) is not None:
            found.seat.given = found.job
            self._changed.notify_all()

    def _next(self, idle: Sequence[Seat[T]], interactive_only: bool = False) -> Placed[T] | None:
        """The next job that one of these workers runs; it waits no more."""
        if self._paused or not idle:
            return None
        for lane in (self._interactive,) if interactive_only else self._lanes:
            able = (job for job in lane.order() if any(seat.takes(job) for seat in idle))
            window = list(islice(able, 1 + OVERTAKES))
            found = self._seats.place(window, idle, self._clock())
            if found is not None:
                lane.take(found.job)
                if lane is not self._parts:
                    self._left(found.job)
                return found
        return None

    # --- jobs --------------------------------------------------------------------------------

    def put_back(self, job: T, *, first: bool = False) -> None:
        """Appends a job that was taken before: no limit refuses it.

        Args:
            job: Taken by an earlier process, or by a worker whose device failed.
            first: In front of all.
        """
        with self._changed:
            lane = self._lane(job)
            (lane.push_first if first else lane.push)(job)
            self._came(job)

    @property
    def changes(self) -> int:
        """Rises whenever other jobs wait, or in another order."""
        return self._changes

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._interactive.count + self._background.count

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
            self._lane(job).push(job)
            self._came(job)

    def check(self, job: T) -> None:
        """Whether there is room for a job; raises as `push` does."""
        with self._changed:
            self._check(job)

    def _check(self, job: T) -> None:
        if self._closed:
            raise Closing("The studio is closing; start it again and generate then.")
        waiting = self._of_account[account_of(job.owner)]
        if waiting >= self._limit_per_owner:
            raise QueueFull(
                f"You already have {waiting} jobs waiting; stop one or wait until one is done."
            )
        if (others := self.waiting) >= self._limit:
            raise QueueFull(f"{others} jobs wait, as many as may; try again in a while.")

    def remove(self, job: T) -> bool:
        """Takes a waiting job out; False when it does not wait here."""
        with self._changed:
            if self._lane(job).remove(job):
                self._left(job)
                return True
            return False

    def promote(self, job: T) -> bool:
        """Before its owner's job in front of it; False when it does not wait here.

        Turns between owners stay as they are.
        """
        with self._changed:
            self._changes += 1
            return self._lane(job).promote(job)

    def offer(self, part: T) -> None:
        """A part of a job that runs, for a worker that has nothing else to do."""
        with self._changed:
            if not self._closed:
                self._parts.push(part)
                self._place()

    def withdraw(self, part: T) -> bool:
        """Takes a part back; False where a worker has it."""
        with self._changed:
            return self._parts.remove(part)

    @property
    def _lanes(self) -> tuple[_Turns[T], ...]:
        return self._interactive, self._background, self._parts

    def _lane(self, job: T) -> _Turns[T]:
        return self._background if job.background else self._interactive

    def _came(self, job: T) -> None:
        self._of_account[account_of(job.owner)] += 1
        self._changes += 1
        self._place()

    def _left(self, job: T) -> None:
        account = account_of(job.owner)
        self._of_account[account] -= 1
        if not self._of_account[account]:
            del self._of_account[account]
        self._changes += 1
        self._seats.forget(job)

    def _order(self) -> Iterator[T]:
        yield from self._interactive.order()
        yield from self._background.order()

    def close(self) -> list[T]:
        """Wakes the workers with None and returns the jobs that were still waiting."""
        with self._changed:
            self._closed = True
            self._changes += 1
            given = [seat.given for seat in self._seats.all if seat.given is not None]
            left = [*given, *self._order()]
            for seat in self._seats.all:
                seat.given = None
            self._interactive, self._background, self._parts = _Turns(), _Turns(), _Turns()
            self._of_account.clear()
            self._changed.notify_all()
            return left
