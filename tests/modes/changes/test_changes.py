"""What settings change in a model is found in its folder, and gone afterwards."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import Settings, Txt2ImgSettings
from backend.models.checkpoint import Checkpoint
from backend.models.interludes import Interludes
from backend.modes import changes
from backend.modes.changes import CHANGES, changed
from tests.modes.test_guide import model

__all__ = ["model"]  # the fixture


def test_every_file_of_the_folder_is_one() -> None:
    files = {file.stem for file in Path(changes.__file__).parent.glob("*.py")} - {"__init__"}
    assert len(CHANGES) == len(files)


def test_all_are_in_force_together_and_end_in_the_reverse_order(
    model: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def noting(name: str) -> changes.Change:
        @contextmanager
        def change(model: Checkpoint, settings: Settings) -> Generator[None]:
            told.append(f"{name} {settings.seed}")
            yield
            told.append(f"{name} ends")

        return change

    monkeypatch.setattr(changes, "CHANGES", (noting("a"), noting("b")))
    with changed(model, Txt2ImgSettings(seed=7)):
        told.append("runs")
    assert told == ["a 7", "b 7", "runs", "b ends", "a ends"]


def test_they_step_aside_while_another_job_runs_in_the_middle(
    model: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    @contextmanager
    def change(model: Checkpoint, settings: Settings) -> Generator[None]:
        told.append("on")
        yield
        told.append("off")

    monkeypatch.setattr(changes, "CHANGES", (change,))
    interludes: Interludes = []
    with changed(model, Txt2ImgSettings(), interludes):
        (pause,) = interludes
        with pause():
            told.append("another job")
        with pytest.raises(RuntimeError), pause():
            raise RuntimeError
        told.append("runs")
    assert told == ["on", "off", "another job", "on", "off", "on", "runs", "off"]
    assert interludes == []


def test_what_could_not_be_put_on_leaves_nothing_behind(
    model: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    @contextmanager
    def first(model: Checkpoint, settings: Settings) -> Generator[None]:
        told.append("on")
        try:
            yield
        finally:
            told.append("off")

    @contextmanager
    def second(model: Checkpoint, settings: Settings) -> Generator[None]:
        raise BadInput("It cannot be.")
        yield

    monkeypatch.setattr(changes, "CHANGES", (first, second))
    interludes: Interludes = []
    with pytest.raises(BadInput), changed(model, Txt2ImgSettings(), interludes):
        pass
    assert (told, interludes) == (["on", "off"], [])
