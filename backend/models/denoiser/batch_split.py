"""How many rows of a batch one model call takes: all of them, until memory runs short."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch

from backend.contracts.errors import OutOfMemory
from backend.models.memory import memory_pressure

ResultT = TypeVar("ResultT")


class Together:
    """Of one run: what did not fit once is not tried again."""

    def __init__(self) -> None:
        self._rows: int | None = None

    def in_parts(self, batch: int, work: Callable[[slice], torch.Tensor]) -> torch.Tensor:
        """The work on all rows, in as few parts as memory allows; rows do not touch each other.

        Args:
            batch: Number of rows.
            work: Gives the result of some rows, (len, ...).

        Raises:
            OutOfMemory: A single row does not fit.
        """
        rows = min(batch, self._rows or batch)
        while True:
            done = memory_pressure.attempt(partial(self._run, batch, rows, work))
            if done is not None:
                return done
            memory_pressure.current().relieve()
            if rows == 1:
                return self.again(lambda: self._run(batch, 1, work))
            rows = self._rows = (rows + 1) // 2
            parts = -(-batch // rows)
            memory_pressure.current().tell(
                f"Memory was short, so each step was drawn in {parts} parts."
            )

    @staticmethod
    def again(work: Callable[[], ResultT]) -> ResultT:
        """The work, tried once more with all that is free where memory runs short.

        Raises:
            OutOfMemory: It does not fit either way.
        """
        for _ in range(2):
            done = memory_pressure.attempt(lambda: (work(),))
            if done is not None:
                return done[0]
            memory_pressure.current().relieve()
        raise OutOfMemory("One picture of this size is too much for the memory that is free.")

    @staticmethod
    def _run(batch: int, rows: int, work: Callable[[slice], torch.Tensor]) -> torch.Tensor:
        if rows >= batch:
            return work(slice(None))
        return torch.cat([work(slice(at, at + rows)) for at in range(0, batch, rows)])
