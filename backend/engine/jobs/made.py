"""What a job has made so far: pictures in the order they belong in, and at most one file."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from backend.contracts.events import File, Output, Pixels


class Made:
    """Pictures and a file; whoever changes it holds the job's lock."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []
        self.file: File | None = None

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The pictures, in order."""
        return tuple(self._outputs)

    def add(self, output: Output) -> None:
        """Takes a finished picture; a grid draws its cells in the order that shares most work."""
        bisect.insort(self._outputs, output, key=lambda each: each.index)

    def saved(self, index: int, path: str) -> None:
        """A picture that was finished before has found room on the disk."""
        self._outputs = [
            replace(output, path=path) if output.index == index else output
            for output in self._outputs
        ]

    def put(self, outputs: Iterable[Output]) -> None:
        """These are the pictures."""
        self._outputs = list(outputs)

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return sum(picture.nbytes for picture in self._pictures()) + self._file_bytes

    @property
    def ram_bytes(self) -> int:
        """Those of them that take memory; what lies in files takes none."""
        held = sum(p.nbytes for p in self._pictures() if not isinstance(p, np.memmap))
        return held + self._file_bytes

    @property
    def mapped(self) -> int:
        """How many of the pictures lie in files: each holds one open."""
        return sum(isinstance(picture, np.memmap) for picture in self._pictures())

    def _pictures(self) -> list[Pixels]:
        return [
            picture
            for output in self._outputs
            for picture in (output.image, *output.views.values())
        ]

    @property
    def _file_bytes(self) -> int:
        return 0 if self.file is None else len(self.file.content)
