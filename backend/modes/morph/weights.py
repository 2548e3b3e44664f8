"""LoRAs under a batch of frames: the same for all, or with weights of each row's own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch

from backend.contracts.settings import MorphSettings
from backend.models.lora.file import LoraFile
from backend.models.lora.mix import LoraMixer, weights_at
from backend.modes.mixing import RunMix
from backend.modes.pausable import LorasAside
from backend.modes.run import Change
from backend.modes.stage import Stage


class RowWeights(Change, Protocol):
    """Brings the weights to what the coming model calls need."""

    def rows(self, at: Sequence[float]) -> None:
        """The coming call holds frames at these positions."""
        ...


class SharedWeights:
    """The settings' LoRAs, the same for every frame."""

    def __init__(self, mix: RunMix) -> None:
        self._mix = mix

    def installed(self) -> AbstractContextManager[object]:
        """As in any other mode."""
        return self._mix.installed()

    def at(self, step: int) -> None:
        """As in any other mode."""
        self._mix.at(step)

    def rows(self, at: Sequence[float]) -> None:
        """Nothing differs between rows."""


class OwnWeights(LorasAside):
    """A LoRA for each end, weighted [1 - a, a] in a row at position a, beside the settings' LoRAs.

    This interpolates the products B A themselves; DiffMorpher's code interpolates A and B each,
    which has cross terms in between and is the same at the ends.
    """

    def __init__(
        self,
        stage: Stage[MorphSettings],
        shared: Sequence[LoraFile],
        own: tuple[LoraFile, LoraFile],
    ) -> None:
        super().__init__(stage.context)
        settings, model = stage.settings, stage.model
        self._mixer = LoraMixer(model.lora_parts, model.patches)
        self._uses, self._steps = settings.acting_loras, settings.steps
        self._files = (*shared, *own)
        self._step = 0
        self._at: tuple[float, ...] = (0.0, 1.0)
        self._shown: object = None

    def at(self, step: int) -> None:
        """The settings' LoRAs as they act in step `step`."""
        self._step = min(step, self._steps - 1)

    def rows(self, at: Sequence[float]) -> None:
        """Rows at these positions, twice over where a call is guided."""
        self._at = tuple(at)
        self._show()

    def _show(self) -> None:
        assert self._active is not None
        shared = weights_at(self._uses, self._step, self._steps)
        if self._shown != (shared, self._at):
            self._active.per_sample(torch.tensor([[*shared, 1 - a, a] for a in self._at]))
            self._shown = shared, self._at

    def enter(self) -> None:
        """Puts the LoRAs beside the weights."""
        self.apply(self._mixer, [(file, 1.0) for file in self._files])
        self._shown = None
        self._show()
