"""How long a job has been running itself, without what ran in the middle of it."""

from __future__ import annotations

from collections.abc import Callable


class OwnTime:
    """A clock that stands still while its job rests or makes way.

    Args:
        clock: Seconds, rising.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: tuple[float, float | None] = (0.0, None)  # seconds until, and since when

    def go(self) -> None:
        """It runs, or goes on."""
        before_s, since = self._told
        if since is None:
            self._told = (before_s, self._clock())

    def stand(self) -> None:
        """It does not run now."""
        self._told = (self.s, None)

    @property
    def s(self) -> float:
        """Seconds so far; may be asked from any thread."""
        before_s, since = self._told
        return before_s if since is None else before_s + self._clock() - since
