"""The typed names do what Gradio's do."""

from __future__ import annotations

import inspect

import gradio as gr
import pytest

from ui.gradio_compat.untyped import event, skip


def test_an_event_is_the_one_that_the_script_triggers() -> None:
    assert skip() == gr.skip()
    html = gr.HTML(None, js_on_load="trigger('pressed')", render=False)
    assert callable(event(html, "pressed"))
    with pytest.raises(AttributeError):
        event(html, "released")


def test_gradio_still_leaves_them_open() -> None:
    """Once this fails, `gr.skip` says what it returns, and the typed names can go."""
    assert inspect.signature(gr.skip).return_annotation in ("dict", dict)
