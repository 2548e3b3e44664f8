"""What a job has put into a model's weights steps aside while another job runs in its middle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Self

from backend.models.lora.file import LoraFile
from backend.models.lora.mix import ActiveMix, LoraMixer
from backend.modes.context import Context


class StepsAside(ABC):
    """Put into the weights for a while, and taken out of them exactly; a `Change` of a run.

    Args:
        context: The surroundings of the job that it belongs to.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._in_force = False

    def begin(self) -> None:
        """Before it is first entered, or anew."""
        return

    def at(self, step: int) -> None:
        """Brings the weights to what a step runs with; between model calls only.

        Args:
            step: 0-based, of the settings' schedule.
        """
        return

    @abstractmethod
    def enter(self) -> None:
        """Puts it into the weights, or beside them."""

    @abstractmethod
    def leave(self) -> None:
        """Takes it out, bit for bit; without effect where it is out."""

    @contextmanager
    def paused(self) -> Generator[None]:
        """The plain weights, while another job runs in the middle of this one."""
        self.leave()
        try:
            yield
        finally:
            self.enter()

    @contextmanager
    def installed(self) -> Generator[Self]:
        """In force while the block lasts, but for the time of other jobs.

        Inside of such a block another one changes nothing.
        """
        if self._in_force:
            yield self
            return
        self.begin()
        self.enter()
        self._in_force = True
        interludes = self._context.interludes
        interludes.append(self.paused)
        try:
            yield self
        finally:
            interludes.remove(self.paused)
            self._in_force = False
            self.leave()


class LorasAside(StepsAside):
    """LoRAs that a mixer has applied; `enter` says which, by `apply`."""

    _entered: AbstractContextManager[ActiveMix] | None = None
    _active: ActiveMix | None = None

    def apply(self, mixer: LoraMixer, mix: Sequence[tuple[LoraFile, float]]) -> None:
        """Puts files at these weights into the model."""
        self._entered = mixer.applied(list(mix))
        self._active = self._entered.__enter__()

    def leave(self) -> None:
        if self._entered is not None:
            entered, self._entered, self._active = self._entered, None, None
            entered.__exit__(None, None, None)
