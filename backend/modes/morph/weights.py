"""LoRAs under a batch of frames: the same for all, or with weights of each row's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backend.modes.mixing import RunMix


class RowWeights(Protocol):
    """Brings the weights to what the coming model calls need."""

    def at_step(self, step: int) -> None:
        """Before step `step` of a run."""
        ...

    def rows(self, at: Sequence[float]) -> None:
        """The coming call holds frames at these positions."""
        ...


class SharedWeights:
    """The settings' LoRAs, the same for every frame."""

    def __init__(self, mix: RunMix) -> None:
        self._mix = mix

    def at_step(self, step: int) -> None:
        """As in any other mode."""
        self._mix.at(step)

    def rows(self, at: Sequence[float]) -> None:
        """Nothing differs between rows."""
