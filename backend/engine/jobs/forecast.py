"""When jobs that wait will begin: worked out for all of them at once, and looked up by each.

A status is asked for many times a second by each of many watchers, while the order changes when a
job comes, goes or moves alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from backend.engine.jobs.job import Job

FRESH_S = 0.2  # for which what the running jobs still need is not looked at again


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
    """

    def __init__(
        self, left_s: Callable[[Job], float | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._left_s = left_s
        self._clock = clock
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
        state = (order, tuple(job.key for job in running))
        with self._lock:
            known, at_s, turns = self._known
            if known != state or self._clock() - at_s >= FRESH_S:
                turns = self._worked_out(running, waiting())
                self._known = (state, self._clock(), turns)
            return turns

    def _worked_out(self, running: Sequence[Job], waiting: Sequence[Job]) -> dict[str, Turn]:
        # One in the background steps aside within a model call: nobody in front waits for it.
        ahead = [job for job in running if not job.background]
        front = _sum(self._left_s(job) for job in ahead)
        back = _sum(self._left_s(job) for job in running)
        turns: dict[str, Turn] = {}
        for number, job in enumerate(waiting):
            wait_s, runs = (back, len(running)) if job.background else (front, len(ahead))
            turns[job.key] = Turn(runs + number, wait_s)
            left_s = self._left_s(job)
            front, back = _plus(front, left_s), _plus(back, left_s)
        return turns


def _plus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _sum(parts: Iterable[float | None]) -> float | None:
    total: float | None = 0.0
    for part in parts:
        total = _plus(total, part)
    return total
