"""X/Y/Z grids of `FakeEngine`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.contracts.events import Output, Pixels, Record
from backend.contracts.settings import Settings, XyzGridSettings
from backend.pictures.sheet import Sheet

_MODEL_HASH = "0" * 10


class Grid:
    """The cells of one grid, as they come."""

    def __init__(self, settings: XyzGridSettings, cells: Sequence[Settings]) -> None:
        self.cells = cells
        self._settings = settings
        self._sheet = Sheet.of(settings, self.cells)
        self._done: dict[int, Pixels] = {}

    @property
    def begun(self) -> bool:
        """A cell is done."""
        return bool(self._done)

    @property
    def told(self) -> dict[str, Any]:
        """What the job says of itself from the start."""
        return {"grid": self._sheet.lying}

    def cell(self, place: int, image: Pixels) -> Output:
        """A cell that is done."""
        self._done[place] = image
        settings = self.cells[place]
        model = {"name": settings.model, "hash": _MODEL_HASH}
        record = Record(
            settings.mode, settings.model_dump(mode="json"), model, self._sheet.facts(place)
        )
        return Output(place, image, record)

    def sheet(self) -> Output:
        """The whole, as far as it is done."""
        settings = self._settings
        record = Record(
            settings.mode,
            settings.model_dump(mode="json"),
            {"name": settings.model, "hash": _MODEL_HASH},
            {"cells": len(self._done), "compared": "the whole grid"},
        )
        return Output(len(self.cells), self._sheet.draw(self._done), record)
