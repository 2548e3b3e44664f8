"""What a script said with an event, whatever it was."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from ui.gradio_compat.event_data import given, told


def test_what_was_said_is_given() -> None:
    evt = gr.EventData(None, {"job": "x"})
    assert told(evt) == {"job": "x"}
    assert (given(evt, "job", ""), given(evt, "step", 7)) == ("x", 7)


@pytest.mark.parametrize("sent", [None, "text", 3, ["job"]])
def test_anything_else_is_nothing(sent: Any) -> None:
    assert given(gr.EventData(None, sent), "job", "none") == "none"


def test_gradio_still_raises_where_nothing_was_said() -> None:
    """Once this fails, `getattr(evt, key, otherwise)` does it: `given` can go."""
    with pytest.raises(TypeError):
        getattr(gr.EventData(None, None), "job", None)
