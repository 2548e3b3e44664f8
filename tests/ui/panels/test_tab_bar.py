"""Opening a tab and staying are as many values as there are outputs."""

from __future__ import annotations

from typing import Any, cast

import gradio as gr
import pytest

from ui.gradio_compat.built_once import made_at_launch
from ui.gradio_compat.untyped import skip
from ui.panels.tab_bar import TabBar


def test_a_tab_is_opened_and_noted_or_left() -> None:
    bar: Any = TabBar(cast(gr.Tabs, "tabs"), cast(gr.State, "shown"))
    assert bar.outputs == ["tabs", "shown"]
    opened, mode = bar.open("img2img")
    assert opened.selected == mode == "img2img"
    assert bar.stay() == [skip(), skip()]


@pytest.mark.usefixtures("own_loop")
def test_a_tab_that_is_opened_by_hand_is_noted() -> None:
    with made_at_launch(), gr.Blocks() as blocks:
        shown = gr.State("txt2img")
        with gr.Tabs() as tabs, gr.Tab("img2img") as tab:
            TabBar(tabs, shown).follow(tab, "img2img")
    (fn,) = blocks.fns.values()
    assert fn.outputs == [shown]
    assert not fn.queue
    assert fn.fn is not None
    assert fn.fn() == "img2img"
