"""What settings change in a model is found in its folder, and gone afterwards."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.contracts.settings import Settings, Txt2ImgSettings
from backend.models.checkpoint import Checkpoint
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
