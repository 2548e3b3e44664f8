"""What a job put into a model is out of it while another job runs in the middle."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from backend.modes.pausable import LorasAside, StepsAside


def surroundings() -> Any:
    return SimpleNamespace(interludes=[])


class Told(StepsAside):
    """Notes when it goes in and out."""

    def __init__(self, told: list[str], context: Any = None) -> None:
        super().__init__(context or surroundings())
        self.told = told

    def begin(self) -> None:
        self.told.append("begin")

    def enter(self) -> None:
        self.told.append("in")

    def leave(self) -> None:
        self.told.append("out")


def test_it_is_in_for_the_block_but_for_the_time_of_others() -> None:
    told, context = list[str](), surroundings()
    with Told(told, context).installed() as thing:
        assert isinstance(thing, Told)
        (pause,) = context.interludes
        with pause():
            told.append("another job")
        told.append("on")
    assert told == ["begin", "in", "out", "another job", "in", "on", "out"]
    assert context.interludes == []


def fail() -> None:
    raise ZeroDivisionError


def test_a_failure_takes_it_out_all_the_same() -> None:
    told, context = list[str](), surroundings()
    with pytest.raises(ZeroDivisionError), Told(told, context).installed():
        fail()
    assert told == ["begin", "in", "out"]
    assert context.interludes == []


def test_a_failure_of_the_other_job_puts_it_in_again() -> None:
    told = list[str]()
    with pytest.raises(ZeroDivisionError), Told(told).paused():
        fail()
    assert told == ["out", "in"]


def test_what_was_put_in_last_steps_aside_by_itself() -> None:
    context = surroundings()
    first, second = Told([], context), Told([], context)
    with first.installed(), second.installed():
        assert context.interludes == [first.paused, second.paused]
        with context.interludes[1]():
            assert (first.told, second.told) == (["begin", "in"], ["begin", "in", "out"])


def test_what_is_in_force_already_stays_so() -> None:
    told, context = list[str](), surroundings()
    change = Told(told, context)
    with change.installed():
        with change.installed() as inner:
            assert inner is change
            assert len(context.interludes) == 1
        told.append("on")
    assert told == ["begin", "in", "on", "out"]
    with change.installed():
        pass
    assert told[4:] == ["begin", "in", "out"]


class Mixer:
    """Applies a mix, and notes how it is left."""

    def __init__(self) -> None:
        self.mix: object = None
        self.left = 0

    @contextmanager
    def applied(self, mix: Sequence[object]) -> Generator[object]:
        self.mix = mix
        try:
            yield ("active", *mix)
        finally:
            self.mix = None
            self.left += 1


class Loras(LorasAside):
    def __init__(self, apply: Callable[[LorasAside], None]) -> None:
        super().__init__(surroundings())
        self._apply = apply

    def enter(self) -> None:
        self._apply(self)


def test_loras_are_taken_out_once_and_exactly_those() -> None:
    mixer = Mixer()
    loras = Loras(lambda self: self.apply(mixer, [("ink", 0.5)]))  # type: ignore[arg-type, list-item]
    loras.leave()
    assert mixer.left == 0  # without effect where they are out
    loras.enter()
    assert (mixer.mix, loras._active) == ([("ink", 0.5)], ("active", ("ink", 0.5)))
    loras.leave()
    loras.leave()
    assert (mixer.mix, mixer.left, loras._active) == (None, 1, None)
