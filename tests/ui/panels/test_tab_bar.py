"""Opening a tab and staying are as many values as there are outputs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from tests.ui.conftest import Pages
from ui.gradio_compat.untyped import skip
from ui.panels.tab_bar import TabBar


def bar() -> Any:
    return TabBar(cast(gr.Tabs, "tabs"), cast(gr.State, "shown"))


def test_a_tab_is_opened_and_noted_or_left() -> None:
    assert bar().outputs == ["tabs", "shown"]
    opened, mode = bar().open("img2img")
    assert opened.selected == mode == "img2img"
    assert bar().stay() == [skip(), skip()]


def test_a_tab_that_is_opened_by_hand_is_noted() -> None:
    wired: list[Any] = []
    tab: Any = SimpleNamespace(select=lambda fn, **options: wired.append((fn, options)))
    bar().follow(tab, "img2img")
    ((note, options),) = wired
    assert options["outputs"] == "shown"
    assert not options["queue"]
    assert note() == "img2img"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 700, 420])
def test_no_tabs_name_is_cut_off(pages: Pages, width: int) -> None:
    page = pages(width=width)
    cut = page.evaluate(
        "[...document.querySelectorAll('[role=tab]')].filter((tab) => tab.offsetParent"
        " && tab.scrollWidth > tab.clientWidth + 1).map((tab) => tab.textContent)"
    )
    assert cut == []
