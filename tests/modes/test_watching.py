"""Whom the steps of a run are shown to, and what they are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from backend.contracts.events import Progress
from backend.modes.watching import Counted, Shown, Unseen
from backend.sampling.types import State, Step


def step(index: int) -> Step:
    return Step(index, 6, 0.0, torch.zeros(1), torch.zeros(1), State())


def test_a_preparation_tells_how_far_it_is() -> None:
    told: list[Progress] = []

    class Nobody:
        report = told.append

    watch = Counted(Nobody(), "inverting", 4, -2, "Checking it")  # type: ignore[arg-type]
    for index in (2, 3, 4, 5):
        watch.step(step(index))
    assert [(p.stage, p.step, p.total, p.note) for p in told] == [
        ("inverting", number, 4, "Checking it") for number in (1, 2, 3, 4)
    ]


class Sink:
    """Notes what a `StepSink` is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def begin(self, *given: Any) -> None:
        self.told.append(("begin", *given))

    def next_stage(self, *given: Any) -> None:
        self.told.append(("next stage", *given))

    def replay(self, past: Step) -> None:
        self.told.append(("replay", past.index))

    def step(self, made: Step) -> None:
        self.told.append(("step", made.index))


def shown(sink: Sink, **values: Any) -> Shown:
    stage: Any = SimpleNamespace(
        context=SimpleNamespace(steps=sink),
        settings="settings",
        model=SimpleNamespace(previewer="previewer"),
    )
    return Shown(stage, **values)


def test_a_run_begins_with_the_steps_that_it_goes_on_from() -> None:
    sink = Sink()
    watch = shown(sink, first=2, before=(step(2), step(3)), after=5)
    watch.begin()
    watch.step(step(4))
    assert sink.told == [
        ("begin", "settings", "previewer", 2, 5),
        ("replay", 2),
        ("replay", 3),
        ("step", 4),
    ]


def test_a_later_stage_does_not_begin_the_run_anew() -> None:
    sink = Sink()
    shown(sink, first=3, after=1, continues=True).begin()
    assert sink.told == [("next stage", "settings", "previewer", 3, 1)]


def test_nobody_is_told_nothing() -> None:
    watch = Unseen()
    watch.begin()
    watch.step(step(0))
