"""How much a person has had drawn in the last hour, in megapixel-steps."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from backend.contracts.errors import QueueFull
from backend.contracts.requests import ResolvedRequest, Runnable

HOUR_S = 3600.0
MAX_PEOPLE = 4096


class Meter:
    """Counts what is asked for. Safe from any thread.

    Args:
        limit: Megapixel-steps an hour; 0 is no limit.
        clock: Seconds, rising.
        note: Keeps what was counted (person, amount) for after a restart.
    """

    def __init__(
        self,
        limit: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        note: Callable[[str, float], None] = lambda person, amount: None,
    ) -> None:
        self.limit = limit
        self._clock = clock
        self._note = note
        self._asked: dict[str, deque[tuple[float, float]]] = {}
        self._lock = threading.Lock()

    def take(self, person: str, amount: float) -> None:
        """Counts a job before it waits.

        Raises:
            QueueFull: It is more than is left of the hour; says when it would fit.
        """
        with self._lock:
            used = self._used(person)
            if self.limit and used + amount > self.limit:
                raise QueueFull(self._refusal(person, used, amount))
            if person not in self._asked and len(self._asked) >= MAX_PEOPLE:
                del self._asked[next(iter(self._asked))]
            self._asked.setdefault(person, deque()).append((self._clock(), amount))
        if amount:
            self._note(person, amount)

    def found(self, asked: Iterable[tuple[str, float, float]]) -> None:
        """Counts what was asked for before a restart: who, how many seconds ago (falling), what."""
        with self._lock:
            for person, age_s, amount in asked:
                self._asked.setdefault(person, deque()).append((self._clock() - age_s, amount))

    def used(self, person: str) -> float:
        """Megapixel-steps of the last hour."""
        with self._lock:
            return self._used(person)

    def _used(self, person: str) -> float:
        asked = self._asked.get(person)
        if asked is None:
            return 0.0
        while asked and self._clock() - asked[0][0] >= HOUR_S:
            asked.popleft()
        if not asked:
            del self._asked[person]
            return 0.0
        return sum(amount for _, amount in asked)

    def _refusal(self, person: str, used: float, amount: float) -> str:
        told = f"This takes {amount:.1f} megapixel-steps; you have used {used:.1f} of the "
        told += f"{self.limit:g} that one person has in an hour."
        if amount > self.limit:
            return f"{told} Ask for fewer steps or a smaller picture."
        left = used
        for at, earlier in self._asked.get(person, ()):
            left -= earlier
            if left + amount <= self.limit:
                minutes = max(1, round((at + HOUR_S - self._clock()) / 60))
                return f"{told} It fits in {minutes} min."
        return told


def cost(request: Runnable) -> float:
    """Megapixel-steps of a request: megapixels times steps times pictures, over all its runs."""
    if not isinstance(request, ResolvedRequest):
        return 0.0
    total = 0.0
    for run in request.runs:
        if run.needs_model:
            width, height = run.drawn_size
            total += width * height * run.picture_count * getattr(run, "steps", 1)
    return total / 1e6
