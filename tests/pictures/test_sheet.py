"""The sheet of a grid: where cells stand, what is missing, and how large it may become."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.settings import XyzGridSettings
from backend.pictures.sheet import EMPTY, MAX_PIXELS, Sheet

RED = np.full((16, 24, 3), (255, 0, 0), np.uint8)


def test_a_cell_knows_its_place_and_label() -> None:
    sheet = Sheet(("1", "2"), ("a", "b", "c"), ("", ""), (8, 8))
    assert sheet.facts(0) == {"cell": {"x": 0, "y": 0, "z": 0}, "compared": "1, a"}
    assert sheet.facts(11) == {"cell": {"x": 1, "y": 2, "z": 1}, "compared": "2, c"}


def test_its_layout_is_that_of_the_grid_with_the_largest_cell() -> None:
    settings = XyzGridSettings(x_field="steps", x_values="5, 9", width=64, height=96)
    sheet = Sheet.of(settings, settings.cells())
    assert sheet.cell_px == (64, 96)
    assert (len(sheet.x), len(sheet.y), len(sheet.z)) == (2, 1, 1)


def test_cells_without_labels_stand_side_by_side_and_missing_ones_are_grey() -> None:
    drawn = Sheet(("", ""), ("",), ("",), (24, 16)).draw({0: RED})
    assert np.array_equal(drawn[:16, :24], RED)
    assert (drawn[:16, 25:49] == EMPTY).all()


def test_a_smaller_cell_stands_in_the_middle_of_its_place() -> None:
    drawn = Sheet(("",), ("",), ("",), (48, 32)).draw({0: RED})
    assert np.array_equal(drawn[8:24, 12:36], RED)
    assert (drawn[0] == 255).all()


def test_labels_take_room_and_leave_ink() -> None:
    plain = Sheet(("",), ("",), ("",), (128, 64)).draw({})
    labelled = Sheet(("twenty",), ("rows",), ("block",), (128, 64)).draw({})
    assert labelled.shape[0] > plain.shape[0]
    assert labelled.shape[1] > plain.shape[1]
    assert labelled.min() < 60


def test_a_long_label_is_cut_not_let_out() -> None:
    drawn = Sheet(("word " * 200,), ("",), ("",), (64, 64)).draw({})
    assert drawn.shape[0] < 64 * 4


@pytest.mark.parametrize("longest", [40, 400])
def test_a_preview_is_as_small_as_asked_for(longest: int) -> None:
    drawn = Sheet(("", ""), ("", ""), ("",), (512, 512)).draw({}, longest)
    assert max(drawn.shape[:2]) <= longest + 2 * max(1, longest // 64 + 1)


def test_a_huge_grid_is_shown_smaller() -> None:
    sheet = Sheet(tuple("" for _ in range(20)), tuple("" for _ in range(20)), ("",), (2048, 2048))
    width, height = sheet._cell_px(None)
    assert width * height * 400 <= MAX_PIXELS * 1.02


def test_it_says_how_its_cells_lie() -> None:
    sheet = Sheet(("2", "4"), ("red", "blue"), ("", ""), (8, 8))
    lying = sheet.lying
    assert (lying["columns"], lying["rows"]) == (2, 4)
    assert lying["labels"][:4] == ["2, red", "4, red", "2, blue", "4, blue"]
    assert len(lying["labels"]) == 8
