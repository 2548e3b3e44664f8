"""Results that go on to another tab."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.contracts.errors import LoomError
from backend.contracts.events import Output
from backend.engine.jobs.protocol import Engine
from backend.recipes.metadata import write_png
from ui.gradio_compat.event_data import told
from ui.gradio_compat.untyped import event, skip
from ui.page.tab_bar import TabBar
from ui.page.workspace import Workspace
from ui.server.temp_files import new_folder


def connect_sends(engine: Engine, tabs: TabBar, spaces: list[Workspace]) -> None:
    """Wires the stage's "send to": the picture enters the target, its tab opens."""
    receivers = {
        place: (space.tab.mode, space.pictures[part])
        for space in spaces
        for place, part, _ in space.tab.places
    }

    def send(evt: gr.EventData) -> list[Any]:
        data = told(evt)
        output = chosen(engine, data.get("job"), data.get("image"))
        wanted = data.get("to")
        if output is None or wanted not in receivers:
            return [*tabs.stay(), *[skip()] * len(receivers)]
        path = kept(output)
        updates = [gr.update(value=path) if name == wanted else skip() for name in receivers]
        return [*tabs.open(receivers[wanted][0]), *updates]

    parts = [part for _, part in receivers.values()]
    for space in spaces:
        event(space.stage, "send")(
            send,
            outputs=[*tabs.outputs, *parts],
            show_progress="hidden",
            show_progress_on=space.stage,
            trigger_mode="multiple",
            api_visibility="private",
        )


def chosen(engine: Engine, job: Any, image: Any) -> Output | None:
    """The picture of a job that the page names; None when it is gone."""
    try:
        outputs = engine.results(job) if isinstance(job, str) else ()
    except LoomError:
        return None
    number = image if isinstance(image, int) and not isinstance(image, bool) else 0
    return outputs[number] if 0 <= number < len(outputs) else None


def kept(output: Output) -> str:
    """A copy of the picture in the folder of uploads, from where a form may name it."""
    path = new_folder() / "result.png"
    path.write_bytes(write_png(output.image, output.record))
    return str(path)
