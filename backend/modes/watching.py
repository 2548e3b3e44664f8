"""Whom the steps of a run are shown to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backend.contracts.events import Progress
from backend.contracts.events import Stage as Phase
from backend.contracts.settings import Settings
from backend.modes.context import Context
from backend.modes.stage import Stage
from backend.sampling.types import Step


class Watch(Protocol):
    """Whom a walk is shown to."""

    def begin(self) -> None:
        """Before the first step."""
        ...

    def step(self, step: Step) -> None:
        """After each step; must not wait for the device."""
        ...


@dataclass(frozen=True, eq=False)
class Shown:
    """To the person who asked: preview, timeline and progress over all stages.

    Attributes:
        stage: Whose settings the timeline names.
        first: The step of its schedule that is counted as the first.
        before: Stored steps that the walk goes on from.
        after: Steps of the stages to come.
        continues: The stage follows another of the same run.
    """

    stage: Stage[Settings]
    first: int = 0
    before: tuple[Step, ...] = ()
    after: int = 0
    continues: bool = False

    def begin(self) -> None:
        sink, settings = self.stage.context.steps, self.stage.settings
        if self.continues:
            sink.next_stage(settings, self.stage.model.previewer, self.first, self.after)
        else:
            sink.begin(settings, self.stage.model.previewer, self.first, self.after)
        for step in self.before:
            sink.replay(step)

    def step(self, step: Step) -> None:
        self.stage.context.steps.step(step)


@dataclass(frozen=True, eq=False)
class Counted:
    """A preparation: its progress alone is told.

    Attributes:
        context: The job's surroundings.
        phase: What is going on.
        total: Steps in all.
        done: Steps of earlier walks that count too, less those that this one skips.
        note: In words.
    """

    context: Context
    phase: Phase
    total: int
    done: int = 0
    note: str = ""

    def begin(self) -> None:
        """Nothing is told before the first step."""

    def step(self, step: Step) -> None:
        done = self.done + step.index + 1
        self.context.report(Progress(self.phase, done, self.total, note=self.note))


class Unseen:
    """Nobody: whoever runs it tells of it by themselves."""

    def begin(self) -> None:
        """Nothing to do."""

    def step(self, step: Step) -> None:
        """Nothing to do."""
