"""What is kept of finished and running jobs: every step, to scrub and to branch from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backend.contracts.errors import UnknownName
from backend.contracts.events import TimelineInfo
from backend.contracts.settings import Settings
from backend.models.autoencoder.preview import Previewer
from backend.sampling.types import Step

if TYPE_CHECKING:
    import torch


@dataclass
class Timeline:
    """The stored steps of one run.

    Attributes:
        stages: Number of the first step, and settings, of each stage.
    """

    stages: list[tuple[int, Settings]]
    previewer: Previewer
    steps: list[Step] = field(default_factory=list)
    nbytes: int = 0

    def settings_at(self, step: int) -> Settings:
        """The settings of the stage that the stored step belongs to."""
        return next(settings for first, settings in reversed(self.stages) if first <= step)

    def info(self) -> TimelineInfo:
        batch = len(self.steps[0].x) if self.steps else 0
        return TimelineInfo(len(self.steps), batch, tuple(step.sigma for step in self.steps))


def step_bytes(step: Step) -> int:
    """Bytes that keeping a step costs; x0 and history often share memory, counted once."""
    seen: dict[int, int] = {}
    tensors: list[torch.Tensor] = [step.x, step.x0, *step.state.history.values()]
    for tensor in tensors:
        seen[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
    return sum(seen.values())


class TimelineStore:
    """Timelines by job token, the oldest runs dropped first when the budget is full.

    Args:
        budget_bytes: For all runs together; a run that alone exceeds it keeps its first steps.
    """

    def __init__(self, budget_bytes: int = 512 * 2**20) -> None:
        self._budget = budget_bytes
        self._runs: OrderedDict[str, Timeline] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        with self._lock:
            return sum(run.nbytes for run in self._runs.values())

    def begin(self, token: str, settings: Settings, previewer: Previewer) -> None:
        with self._lock:
            self._runs[token] = Timeline([(0, settings)], previewer)
            self._runs.move_to_end(token)

    def next_stage(self, token: str, settings: Settings) -> None:
        """The steps added from now on belong to another stage."""
        with self._lock:
            if (run := self._runs.get(token)) is not None:
                run.stages.append((len(run.steps), settings))

    def add(self, token: str, step: Step) -> None:
        """Stores a step (by reference: samplers never write into what they yielded)."""
        size = step_bytes(step)
        with self._lock:
            run = self._runs.get(token)
            if run is None:
                return
            total = sum(other.nbytes for other in self._runs.values()) + size
            for old in list(self._runs):
                if total <= self._budget or old == token:
                    break
                total -= self._runs.pop(old).nbytes
            if total > self._budget:
                return
            run.steps.append(step)
            run.nbytes += size

    def get(self, token: str) -> Timeline | None:
        with self._lock:
            return self._runs.get(token)

    def load(self, token: str, step: int) -> tuple[Settings, Step]:
        """Settings of the stage, and stored step, to branch from.

        Raises:
            UnknownName: The run is not kept any more, or has no such step.
        """
        run = self.get(token)
        if run is None:
            raise UnknownName(
                "The steps of that run are no longer kept; generate it again to branch from it."
            )
        if not 0 <= step < len(run.steps):
            raise UnknownName(
                f"That run kept {len(run.steps)} steps; choose one from 1 to {len(run.steps)}."
            )
        return run.settings_at(step), run.steps[step]

    def drop(self, token: str) -> None:
        with self._lock:
            self._runs.pop(token, None)
