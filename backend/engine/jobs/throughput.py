"""How fast pictures come here, learned from the jobs that ran."""

from __future__ import annotations

import threading

from backend.contracts.settings import MorphSettings, Settings
from backend.contracts.workload import work

_NEWEST = 0.5  # weight of the last job against those before it


class Pace:
    """Seconds of a model step on a pixel, by model. Safe from any thread."""

    def __init__(self) -> None:
        self._by_model: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, settings: Settings, elapsed_s: float) -> None:
        """Takes in a job that ran to its end, from its first step to its last picture."""
        if isinstance(settings, MorphSettings):
            return
        amount = work(settings)
        if amount <= 0 or elapsed_s <= 0:
            return
        with self._lock:
            before = self._by_model.get(settings.model, elapsed_s / amount)
            self._by_model[settings.model] = before + _NEWEST * (elapsed_s / amount - before)

    def seconds(self, settings: Settings) -> float | None:
        """About how long resolved settings take; None before anything ran with their model."""
        with self._lock:
            pace = self._by_model.get(settings.model)
        return None if pace is None else pace * work(settings)
