"""Bytes that are kept beside the weights of models: told to whoever keeps account of memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Holding:
    """What one keeper holds in one place.

    Attributes:
        what: What it is, for people, e.g. "timelines".
        place: The device on which it lies, e.g. "cpu" or "cuda:0".
        nbytes: How much.
    """

    what: str
    place: str
    nbytes: int


@runtime_checkable
class Keeper(Protocol):
    """Whoever keeps bytes for later that nothing running needs. Safe from any thread."""

    def holdings(self) -> tuple[Holding, ...]:
        """What it holds now, one entry a place."""
        ...

    def release(self) -> int:
        """Lets go of all that no running job needs, and returns the bytes given back."""
        ...


def bytes_at(keepers: Iterable[Keeper], place: str) -> int:
    """Bytes that the keepers hold in one place."""
    return sum(
        holding.nbytes
        for keeper in keepers
        for holding in keeper.holdings()
        if holding.place == place
    )
