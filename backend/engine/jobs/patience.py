"""How long a job goes on while nobody watches it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self, assert_never

from backend.contracts.errors import DeadlineExceeded, Unwatched
from backend.contracts.requests import (
    Request,
    Runnable,
    TrainDigitsRequest,
    TrainLoraRequest,
    VideoRequest,
)

UNWATCHED = "Nobody was watching any more."


@dataclass(frozen=True)
class Patience:
    """How long a job may go on while nobody watches it.

    Attributes:
        grace_s: Seconds after its watcher went away.
        deadline_s: Seconds of its own running since somebody last looked; for work that goes on
            when its page is closed, and for callers that never say that they watch.
    """

    grace_s: float = 10.0
    deadline_s: float = 12 * 3600.0

    @classmethod
    def of_hours(cls, unwatched: float) -> Self:
        """From the flag; 0 hours mean for ever."""
        return cls(deadline_s=unwatched * 3600.0 or math.inf)

    def of(self, request: Runnable) -> Patience:
        """What holds for a request: a training has its steps, and is never ended by the clock."""
        match request:
            case TrainLoraRequest() | TrainDigitsRequest():
                return Patience(math.inf, math.inf)
            case Request() if request.settings.outlives_watcher:
                return replace(self, grace_s=math.inf)
            case Request() | VideoRequest():
                return self
        assert_never(request)


class Watch:
    """Whether somebody watches one job, and whether it is to go on.

    Args:
        patience: What it is allowed.
        clock: Seconds, rising.
    """

    def __init__(self, patience: Patience, clock: Callable[[], float]) -> None:
        self._patience, self._clock = patience, clock
        self._seen_s = 0.0  # how long the job had run when somebody last looked
        self._left_at: float | None = None
        self._keeps = False

    @property
    def keeps(self) -> bool:
        """Whether the job goes on when its page is left."""
        return self._keeps or self._outlives

    @property
    def kept(self) -> bool | None:
        """The same; None where it goes on in any case."""
        return None if self._outlives else self._keeps

    @property
    def _outlives(self) -> bool:
        return math.isinf(self._patience.grace_s)

    def keep(self, on: bool) -> None:
        """Whether it is to; what goes on in any case stays so."""
        self._keeps = on

    def touch(self, elapsed_s: float) -> None:
        """Somebody watches it, when it has run for so long."""
        self._left_at, self._seen_s = None, elapsed_s

    def leave(self) -> None:
        """Its watcher went away."""
        self._left_at = self._clock()

    def come_back(self) -> None:
        """Its watcher is there, or it waits again: nobody has gone."""
        self._left_at = None

    @property
    def abandoned(self) -> bool:
        """Whether its watcher has been gone for the grace period."""
        left_at = self._left_at  # it may come back in this moment
        if left_at is None or self.keeps:
            return False
        return self._clock() - left_at > self._patience.grace_s

    def check(self, elapsed_s: float) -> None:
        """Before each model call, when the job has run for so long.

        Raises:
            Unwatched: Its watcher has been gone for the grace period.
            DeadlineExceeded: It has run for too long with nobody watching.
        """
        if self.abandoned:
            raise Unwatched(UNWATCHED)
        if elapsed_s - self._seen_s > self._patience.deadline_s:
            raise DeadlineExceeded(
                f"Stopped after {_words(self._patience.deadline_s)} with nobody watching; keep its "
                "page open, use fewer steps or pictures, or allow more by --unwatched-hours."
            )


def _words(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:g} hours" if hours >= 1 else f"{seconds:.0f} s"
