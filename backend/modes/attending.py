"""Attention that looks at other rows, as what a run's model is under."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from backend.models.denoiser.up_attention import UpAttention
from backend.modes.context import Context


@dataclass(frozen=True, eq=False)
class Attending:
    """A `Change` of a run: the processors are in place, and plain while another job runs.

    Attributes:
        control: Of the model's attention.
        context: The job's surroundings.
    """

    control: UpAttention[Any]
    context: Context

    @contextmanager
    def installed(self) -> Generator[None]:
        """In force while the block lasts; what it keeps from step to step is the control's."""
        interludes = self.context.interludes
        with self.control.installed():
            interludes.append(self.control.paused)
            try:
                yield
            finally:
                interludes.remove(self.control.paused)

    def at(self, step: int) -> None:
        """Whoever calls the model says which rows it holds."""
