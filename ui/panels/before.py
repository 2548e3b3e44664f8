"""What a result was made from, for the canvas to lay over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.errors import LoomError
from backend.contracts.events import Output, Pixels
from ui.forms.stage import mount_call
from ui.forms.workspace import Workspace
from ui.gradio_compat.event_data import told
from ui.gradio_compat.untyped import event
from ui.jobs.pictures import chosen, png_uri
from ui.server.uploads import read_pictures

Start = Callable[[Pixels, Output], Pixels]


def before_part(mode: str) -> dict[str, Component]:
    """Carries the picture to the page's script; nothing to see."""
    return {
        "before": gr.HTML(
            None,
            html_template="<i></i>",
            js_on_load=mount_call("mountBefore", mode, ()),
            apply_default_css=False,
            elem_classes="loom-carried",
        )
    }


def connect_before(space: Workspace, start_of: Start) -> None:
    """Answers the stage when it asks for what lies before a result.

    Args:
        space: Of a tab with one input picture, "image".
        start_of: The picture that lies in the tab and a result -> what the result began as, of the
            result's size where the two belong together.
    """

    def before(sent: Any, evt: gr.EventData) -> dict[str, Any]:
        data = told(evt)
        asked = {"job": data.get("job"), "image": data.get("image"), "src": ""}
        try:
            output = chosen(space.studio.engine, data.get("job"), data.get("image"))
            pictures = read_pictures({"image": sent})
            if output is None or "image" not in pictures or output.record.mode != space.tab.mode:
                return asked
            start = start_of(pictures["image"], output)
        except LoomError:
            return asked
        return asked | {"src": png_uri(start)} if start.shape == output.image.shape else asked

    event(space.stage, "before")(
        before,
        inputs=space.pictures["image"],
        outputs=space.results["before"],
        show_progress="hidden",
        api_visibility="private",
        preprocess=False,
    )
