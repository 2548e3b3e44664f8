"""The gallery of past pictures, and settings out of pictures that are dropped on the page."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.contracts.errors import BadInput
from backend.recipes.metadata import read
from backend.storage.makers import Viewer
from ui.forms.stage import mount_call
from ui.gradio_compat.event_data import given
from ui.gradio_compat.untyped import event
from ui.panels.filling import Filler
from ui.panels.header import Header
from ui.server.studio import Studio
from ui.server.uploads import read_upload
from ui.server.viewers import viewer_of

MAX_PICTURE_BYTES = 32_000_000

_TEMPLATE = """
<dialog class="gallery" aria-label="History">
  <header>
    <h2>History</h2>
    <output class="count" aria-live="polite"></output>
    <button type="button" class="close quiet" aria-label="Close history">×</button>
  </header>
  <div class="asked" role="search">
    <input type="search" class="words" placeholder="Search: prompt, model, LoRA, seed, #tag, note"
      aria-label="Search in the history">
    <select class="model quiet" aria-label="Drawn by"></select>
    <select class="lora quiet" aria-label="LoRA"></select>
    <label class="day">from <input type="date" class="since" aria-label="From"></label>
    <label class="day">to <input type="date" class="until" aria-label="To"></label>
    <button type="button" class="favourites quiet" aria-pressed="false">★ Favourites</button>
  </div>
  <div class="chosen" role="group" aria-label="Chosen pictures" hidden>
    <output></output>
    <button type="button" class="all quiet">Choose all</button>
    <button type="button" class="zip quiet">Download</button>
    <button type="button" class="favour quiet">★ Favourite</button>
    <button type="button" class="delete quiet">Delete</button>
    <button type="button" class="none quiet">Choose none</button>
  </div>
  <p class="empty" hidden></p>
  <div class="rows"><div class="cells" role="list" aria-label="Past pictures"></div></div>
</dialog>
"""


def history_gallery() -> gr.HTML:
    """Builds the gallery; "restore" is triggered with the name of a past picture.

    Its pictures come over the routes of `ui.jobs.past`.
    """
    return gr.HTML(
        None,
        html_template=_TEMPLATE,
        js_on_load=mount_call("mountHistory", "", ("restore", "send")),
        apply_default_css=False,
        elem_classes="loom-history",
    )


def connect_records(studio: Studio, header: Header, gallery: gr.HTML, filler: Filler) -> None:
    """Wires dropped pictures and the gallery's pictures to the forms."""

    def restored(content: bytes, picture: dict[str, str]) -> list[Any]:
        found = read(content)
        return filler.fill(
            found.mode,
            found.settings,
            "The picture's settings are in the form.",
            found.notes,
            verify=picture,
            model=found.model,
            facts=found.extra,
            tool=found.tool,
        )

    def record(evt: gr.EventData) -> list[Any]:
        path = given(evt, "path", None)
        return filler.guarded(
            lambda: restored(read_upload(path, MAX_PICTURE_BYTES), {"path": str(path)})
        )

    def restore(evt: gr.EventData, request: gr.Request) -> list[Any]:
        name, viewer = given(evt, "name", None), viewer_of(request, studio.private)
        return filler.guarded(lambda: restored(_past(studio, name, viewer), {"name": str(name)}))

    for trigger, fn in (
        (event(header.notices, "record"), record),
        (event(gallery, "restore"), restore),
    ):
        trigger(
            fn,
            outputs=filler.outputs,
            show_progress="hidden",
            show_progress_on=header.notices,
            api_visibility="private",
        )


def _past(studio: Studio, name: Any, viewer: Viewer) -> bytes:
    if not isinstance(name, str):
        raise BadInput("That picture is no longer there.")
    return studio.history.seen(name, viewer).read_bytes()
