"""The stand-in's grids: cells as they come, and the sheet of those that are done."""

from __future__ import annotations

import numpy as np

from backend.contracts.settings import XyzGridSettings
from backend.engine.fake.grid import Grid
from backend.pictures.sheet import Sheet

SETTINGS = XyzGridSettings(
    model="pocket", seed=1, x_field="steps", x_values="5, 9", width=64, height=96
)
WHITE = np.full((96, 64, 3), 255, np.uint8)


def grid() -> Grid:
    return Grid(SETTINGS, SETTINGS.cells())


def test_a_cell_says_what_it_is_compared_by() -> None:
    made = grid()
    assert not made.begun
    assert made.told["grid"]["columns"] == 2
    output = made.cell(1, WHITE)
    assert made.begun
    assert (output.index, output.record.mode) == (1, "txt2img")
    assert output.record.settings["steps"] == 9
    assert output.record.extra["cell"] == {"x": 1, "y": 0, "z": 0}
    assert output.record.model == {"name": "pocket", "hash": "0" * 10}


def test_the_sheet_holds_what_is_done_and_comes_after_the_cells() -> None:
    made = grid()
    made.cell(0, WHITE)
    sheet = made.sheet()
    layout = Sheet.of(SETTINGS, SETTINGS.cells())
    assert sheet.index == 2
    assert sheet.record.mode == "xyz_grid"
    assert sheet.record.extra == {"cells": 1, "compared": "the whole grid"}
    assert np.array_equal(sheet.image, layout.draw({0: WHITE}))
