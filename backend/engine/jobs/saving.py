"""Saving pictures: at once where the disk has room, else as soon as it has."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from backend.contracts.errors import StorageProblem
from backend.contracts.events import Output, Pixels, Record
from backend.engine.jobs.job import Job
from backend.engine.jobs.owners import maker_of
from backend.storage.makers import Maker

SOON_S, RETRY_S = 1.0, 10.0
_MEANWHILE = "It is kept here and saved once that is mended; download it to be safe."


class SavesPictures(Protocol):
    """The part of `backend.storage.outputs.Storage` that an engine needs."""

    def save_output(self, image: Pixels, record: Record, maker: Maker) -> Path:
        """Writes a picture with its record, notes whose it is, and says where."""
        ...


class Saver:
    """Saves what jobs make. A picture that was drawn is never lost to a disk that is full.

    Args:
        storage: Where pictures go.
        kept: Whether a job may still be asked about: nobody could tell of its pictures else.
        told: Told of a job one of whose pictures was saved late.
        every_s: Seconds between two tries at most; the first comes soon, each after twice as long.
    """

    def __init__(
        self,
        storage: SavesPictures,
        kept: Callable[[Job], bool] = lambda job: True,
        told: Callable[[Job], None] = lambda job: None,
        every_s: float = RETRY_S,
    ) -> None:
        self._storage = storage
        self._kept = kept
        self._told = told
        self._every_s = every_s
        self._left: list[tuple[Job, Output]] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def save(self, job: Job, output: Output) -> tuple[Output, str]:
        """The picture with its path, or without one and with a sentence why it has none yet."""
        try:
            path = self._storage.save_output(output.image, output.record, maker_of(job.owner))
        except StorageProblem as problem:
            with self._lock:
                self._left.append((job, output))
                if self._thread is None and not self._closing.is_set():
                    self._thread = threading.Thread(
                        target=self._again, name="late-saving", daemon=True
                    )
                    self._thread.start()
            return output, f"{problem} {_MEANWHILE}"
        return replace(output, path=str(path)), ""

    @property
    def left(self) -> int:
        """How many pictures wait for room."""
        with self._lock:
            return len(self._left)

    def retry(self) -> None:
        """Tries once more, the oldest first, until one fails."""
        with self._lock:
            self._left = [(job, output) for job, output in self._left if self._kept(job)]
            waiting = list(self._left)
        for job, output in waiting:
            try:
                maker = maker_of(job.owner)
                path = self._storage.save_output(output.image, output.record, maker)
            except StorageProblem:
                return
            job.saved(output.index, str(path))
            self._told(job)
            with self._lock:
                self._left = [pair for pair in self._left if pair[1] is not output]

    def close(self) -> None:
        """Tries for the last time."""
        self._closing.set()
        self.retry()

    def _again(self) -> None:
        wait_s = min(SOON_S, self._every_s)
        while not self._closing.wait(wait_s):
            wait_s = min(2 * wait_s, self._every_s)
            self.retry()
            with self._lock:
                if not self._left:
                    self._thread = None
                    return
