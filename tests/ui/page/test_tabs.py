"""The row of tabs as the page has it: one for each mode, and the Lab, which is none."""

from __future__ import annotations

import re
from pathlib import Path

from backend.contracts.settings import MODES
from ui.page import build
from ui.page.tabs import TABS
from ui.panels import lab


def test_the_lab_is_a_tab_without_a_mode_after_all_that_have_one() -> None:
    assert lab.KEY not in MODES
    assert lab.KEY not in [tab.mode for tab in TABS]
    assert lab.TITLE not in [tab.title for tab in TABS]
    source = Path(build.__file__).read_text("utf-8")
    assert source.index("for tab in TABS:") < source.index("lab_tab(top.model)")


def test_no_other_tab_is_made_by_hand() -> None:
    made = [
        path.name
        for folder in ("page", "panels", "forms")
        for path in sorted((Path(build.__file__).parents[1] / folder).glob("*.py"))
        if re.search(r"\bgr\.Tab\(", path.read_text("utf-8"))
    ]
    assert made == ["build.py", "lab.py"]
