"""Results that go on to another tab."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from backend.contracts.errors import LoomError
from backend.contracts.events import Output
from backend.recipes.metadata import write_png
from backend.storage.makers import Viewer
from ui.forms.workspace import Workspace
from ui.gradio_compat.event_data import told
from ui.gradio_compat.untyped import event, skip
from ui.jobs.pictures import chosen
from ui.panels.tab_bar import TabBar
from ui.server.studio import Studio
from ui.server.temp_files import new_folder
from ui.server.uploads import MAX_PICTURE_BYTES, read_upload
from ui.server.viewers import viewer_of

KINDS = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".gif")


def connect_sends(
    studio: Studio, further: Sequence[gr.HTML], tabs: TabBar, spaces: list[Workspace]
) -> None:
    """Wires "send to": the picture enters the target, its tab opens.

    Args:
        studio: Knows the pictures.
        further: Components that trigger "send" beside the stages.
        tabs: The right one is opened.
        spaces: Where pictures come from and go to.
    """
    receivers = {
        place: (space.tab.mode, space.pictures[part])
        for space in spaces
        for place, part, _ in space.tab.places
    }

    def send(evt: gr.EventData, request: gr.Request) -> list[Any]:
        data, viewer = told(evt), viewer_of(request, studio.private)
        path, wanted = _sent(studio, data, viewer), data.get("to")
        if path is None or wanted not in receivers:
            return [*tabs.stay(), *[skip()] * len(receivers)]
        updates = [gr.update(value=path) if name == wanted else skip() for name in receivers]
        shown = tabs.stay() if data.get("stays") is True else tabs.open(receivers[wanted][0])
        return [*shown, *updates]

    parts = [part for _, part in receivers.values()]
    for place, (_, part) in receivers.items():
        if isinstance(part, gr.Image):
            _follow(part, place)
    for source in (*further, *(space.stage for space in spaces)):
        event(source, "send")(
            send,
            outputs=[*tabs.outputs, *parts],
            show_progress="hidden",
            show_progress_on=source,
            trigger_mode="multiple",
            api_visibility="private",
        )


def _follow(image: gr.Image, place: str) -> None:
    """Tells the page's script of each picture in a field; it puts it on easel and canvas."""
    image.change(
        fn=None,
        js=f"(image) => {{ loom.laid('{place}', image); }}",
        inputs=image,
        show_progress="hidden",
        api_visibility="private",
    )


def _sent(studio: Studio, data: dict[str, Any], viewer: Viewer) -> str | None:
    """The picture that is sent, where a form may name it; None when it is gone."""
    if isinstance(name := data.get("name"), str):
        try:
            path = studio.history.seen(name, viewer)
            return copied(path.read_bytes(), path.suffix.lower())
        except (LoomError, OSError):
            return None
    if isinstance(sent := data.get("path"), str):
        try:
            kind = Path(sent).suffix.lower()
            content = read_upload(sent, MAX_PICTURE_BYTES)
            return copied(content, kind if kind in KINDS else ".png")
        except LoomError:
            return None
    output = chosen(studio.engine, data.get("job"), data.get("image"))
    return None if output is None else kept(output)


def kept(output: Output) -> str:
    """A copy of the picture in the folder of uploads, from where a form may name it."""
    return copied(write_png(output.image, output.record))


def copied(content: bytes, kind: str = ".png") -> str:
    """The same of a picture's file, with its suffix."""
    path = new_folder() / f"result{kind}"
    path.write_bytes(content)
    return str(path)
