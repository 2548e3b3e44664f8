"""A run that may change between two of its steps: its denoiser is made anew there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

import torch

from backend.contracts.settings import Settings
from backend.modes.mixing import RunMix
from backend.modes.stage import Stage
from backend.modes.start import Origin
from backend.sampling.types import Denoiser, Level

SettingsT = TypeVar("SettingsT", bound=Settings)


class Live(Generic[SettingsT]):
    """The denoiser of a run, as the changes that act by now leave its settings.

    The same settings from the same step on make the same denoiser, whether somebody wishes them
    now or a record notes them: so a record makes its picture again bit for bit.

    Args:
        stage: Whose settings, model and job.
        begin: Where its walk begins.
        mix: Its LoRAs, whose weights may change.
        make: The guided model of a stage, with the mix at its weights.
        number: Of the stage in the run, from 0.
    """

    def __init__(
        self,
        stage: Stage[SettingsT],
        begin: Origin,
        mix: RunMix,
        make: Callable[[Stage[SettingsT]], Denoiser],
        number: int = 0,
    ) -> None:
        self._stage, self._begin, self._mix, self._make = stage, begin, mix, make
        self._number = number
        self._denoiser: Denoiser | None = None

    def made(self) -> Denoiser:
        """Makes it, under the mix; to be called by the walk."""
        self._remake()
        return self

    def __call__(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        assert self._denoiser is not None, "`made` comes first"
        return self._denoiser(x, level)

    def follow(self, step: int) -> None:
        """Before a step of the walk: what was wished by now acts in all of its calls."""
        if step >= self._begin.schedule.steps:
            return
        context, place = self._stage.context, self._begin.skipped + step
        if context.course.reach((self._number, place)):
            self._remake()
            self._mix.at(place)
            told = [each.model_dump(mode="json") for each in context.course.made]
            context.inform({"changes": told})

    def _remake(self) -> None:
        context = self._stage.context
        settings = self._stage.settings
        if context.course.made:
            settings = context.course.now(settings)
            self._mix.reweigh(settings.lora_uses)
        self._denoiser = self._make(replace(self._stage, settings=settings))
