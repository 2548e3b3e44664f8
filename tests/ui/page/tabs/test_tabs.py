"""The tabs follow from what files declare, in the order of the modes."""

from __future__ import annotations

from pathlib import Path

from backend.contracts.settings import MODES
from ui.page import tabs
from ui.page.tabs import TABS, declared


def test_every_file_of_the_folder_is_a_tab_and_every_mode_but_the_grid_has_one() -> None:
    files = {file.stem for file in Path(tabs.__file__).parent.glob("*.py")} - {"__init__"}
    assert {tab.mode for tab in TABS} == files
    assert [tab.mode for tab in TABS] == [mode for mode in MODES if mode != "xyz_grid"]


def test_what_declares_none_is_none() -> None:
    folder = Path(tabs.__file__).parent.parent
    assert declared([str(folder)], "ui.page") == ()
