"""Attention to other rows as what a run's model is under."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from backend.modes.attending import Attending


class Control:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @contextmanager
    def installed(self) -> Generator[None]:
        self.told.append("in")
        try:
            yield
        finally:
            self.told.append("out")

    @contextmanager
    def paused(self) -> Generator[None]:
        self.told.append("plain")
        try:
            yield
        finally:
            self.told.append("on")


def test_it_is_plain_while_another_job_runs() -> None:
    control, context = Control(), SimpleNamespace(interludes=[])
    looking: Any = Attending(control, context)  # type: ignore[arg-type]
    with looking.installed():
        looking.at(3)
        (pause,) = context.interludes
        with pause():
            control.told.append("another job")
    assert control.told == ["in", "plain", "another job", "on", "out"]
    assert context.interludes == []


def test_a_failure_takes_it_out() -> None:
    control, context = Control(), SimpleNamespace(interludes=[])
    looking: Any = Attending(control, context)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError), looking.installed():
        _ = 1 / 0
    assert (control.told, context.interludes) == (["in", "out"], [])
