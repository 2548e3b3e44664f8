"""How far a job's pictures are from what steers them: a curve that is read when somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pulls:
    """The losses of one batch, step by step. All methods are safe from any thread."""

    def __init__(self) -> None:
        self._told: list[tuple[int, Callable[[], list[float]]]] = []
        self._read: list[tuple[int, list[float]]] = []
        self._reading = threading.Lock()

    def add(self, step: int, read: Callable[[], list[float]]) -> None:
        """How far each picture was, before a step; `read` may wait for a device."""
        self._told.append((step, read))

    def anew(self) -> None:
        """Another batch begins, with a curve of its own."""
        with self._reading:
            self._told, self._read = [], []

    def read(self) -> list[tuple[int, list[float]]]:
        """The curve so far: steps, and a loss for each picture."""
        with self._reading:
            for step, read in self._told[len(self._read) :]:
                self._read.append((step, [round(loss, 5) for loss in read()]))
            return list(self._read)
