"""When jobs that wait will begin: worked out for all of them at once, and looked up by each.

A status is asked for many times a second by each of many watchers, while the order changes when a
job comes, goes or moves alone.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from backend.engine.jobs.job import Job

FRESH_S = 0.2  # for which what the running jobs still need is not looked at again
MANY = 1000  # waiting jobs from which on a change alone is no reason to look again


@dataclass(frozen=True)
class Turn:
    """Of a job that waits.

    Attributes:
        position: How many jobs end before it begins.
        wait_s: About how long that takes; None where it cannot be foreseen.
    """

    position: int
    wait_s: float | None


class Forecast:
    """The turns of all jobs that wait. Safe from any thread.

    Args:
        left_s: How long a job still needs; None where that cannot be foreseen.
        clock: Seconds, rising.
        workers: How many run jobs side by side.
    """

    def __init__(
        self,
        left_s: Callable[[Job], float | None],
        clock: Callable[[], float] = time.monotonic,
        workers: Callable[[], int] = lambda: 1,
    ) -> None:
        self._left_s = left_s
        self._clock = clock
        self._workers = workers
        self._lock = threading.Lock()
        self._known: tuple[Hashable, float, Mapping[str, Turn]] = (None, 0.0, {})

    def turns(
        self, order: Hashable, running: Sequence[Job], waiting: Callable[[], Sequence[Job]]
    ) -> Mapping[str, Turn]:
        """Turns by the jobs' keys.

        Args:
            order: Changes whenever the jobs that wait do, or their order.
            running: Jobs that run.
            waiting: Those that wait, in their order; called where something has changed.
        """
        state = (order, tuple(job.key for job in running), self._workers())
        with self._lock:
            known, at_s, turns = self._known
            fresh = self._clock() - at_s < FRESH_S
            if not fresh or (known != state and len(turns) < MANY):
                turns = self._worked_out(running, waiting())
                self._known = (state, self._clock(), turns)
            return turns

    def _worked_out(self, running: Sequence[Job], waiting: Sequence[Job]) -> dict[str, Turn]:
        # One in the background steps aside within a model call: nobody in front waits for it.
        workers = self._workers()
        ahead = [job for job in running if not job.background]
        front = _Line(workers, (self._left_s(job) for job in ahead))
        back = _Line(workers, (self._left_s(job) for job in running))
        turns: dict[str, Turn] = {}
        for number, job in enumerate(waiting):
            line, runs = (back, len(running)) if job.background else (front, len(ahead))
            turns[job.key] = Turn(max(0, runs + number + 1 - workers), line.wait_s)
            left_s = self._left_s(job)
            front.add(left_s)
            back.add(left_s)
        return turns


class _Line:
    """When workers are free, as each next job goes to the first of them that is.

    Args:
        workers: How many there are.
        left_s: What they still have to do; None is not known, and so is all behind it.
    """

    def __init__(self, workers: int, left_s: Iterable[float | None]) -> None:
        self._free_s: list[float] | None = [0.0] * workers
        for one in left_s:
            self.add(one)

    @property
    def wait_s(self) -> float | None:
        """Until the next job begins."""
        return None if self._free_s is None else self._free_s[0]

    def add(self, left_s: float | None) -> None:
        """One more job."""
        if self._free_s is None or left_s is None:
            self._free_s = None
        else:
            heapq.heapreplace(self._free_s, self._free_s[0] + left_s)
