"""How many rows of a batch one model call takes: all of them, until memory runs short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import torch

from backend.models.memory.memory_pressure import Way, halvings, overcome

ResultT = TypeVar("ResultT")
TOO_MUCH = "One picture of this size is too much for the memory that is free."


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
        return overcome(self._ways(batch, work), TOO_MUCH)

    @staticmethod
    def again(work: Callable[[], ResultT]) -> ResultT:
        """The work, tried once more with all that is free where memory runs short.

        Raises:
            OutOfMemory: It does not fit either way.
        """
        return overcome([Way(work)] * 2, TOO_MUCH)

    def _ways(
        self, batch: int, work: Callable[[slice], torch.Tensor]
    ) -> Iterator[Way[torch.Tensor]]:
        first = min(batch, self._rows or batch)
        for rows in halvings(first):
            told = ""
            if rows < first:
                self._rows = rows
                told = f"Memory was short, so each step was drawn in {-(-batch // rows)} parts."
            yield Way(partial(self._run, batch, rows, work), told)

    @staticmethod
    def _run(batch: int, rows: int, work: Callable[[slice], torch.Tensor]) -> torch.Tensor:
        if rows >= batch:
            return work(slice(None))
        return torch.cat([work(slice(at, at + rows)) for at in range(0, batch, rows)])
