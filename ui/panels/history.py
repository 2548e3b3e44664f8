"""The history drawer, and settings out of pictures that are dropped on the page."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import gradio as gr

from backend.contracts.errors import BadInput, LoomError
from backend.recipes.metadata import read
from ui.gradio_compat.event_data import given
from ui.gradio_compat.untyped import event
from ui.jobs.pictures import data_uri
from ui.page.controls import ENDS
from ui.page.filling import Filler
from ui.page.header import Header
from ui.page.stage import mount_call
from ui.server.foreign import as_dict
from ui.server.studio import Studio
from ui.server.uploads import read_upload

PAGE = 24
THUMBNAIL_PX = 144
MAX_PICTURE_BYTES = 32_000_000

_DRAWER = """
<aside class="drawer" hidden aria-label="History">
  <header><h2>History</h2>
    <button type="button" class="close quiet" aria-label="Close history">×</button></header>
  <input type="search" placeholder="Search in prompts" aria-label="Search in prompts">
  <p class="none" hidden></p>
  <div class="list"></div>
  <button type="button" class="more quiet" hidden>Older</button>
</aside>
"""


def history_drawer(studio: Studio) -> gr.HTML:
    """Builds the drawer; "restore" is triggered with the name of a past picture."""

    def history(asked: Any) -> dict[str, Any]:
        """A page of past pictures, newest first."""
        search = as_dict(asked).get("search", "")
        offset = as_dict(asked).get("offset", 0)
        found = studio.storage.history(
            search=search[:200] if isinstance(search, str) else "",
            offset=max(0, offset) if isinstance(offset, int) else 0,
            limit=PAGE + 1,
        )
        items: list[dict[str, Any]] = []
        for item in found[:PAGE]:
            when = datetime.datetime.fromtimestamp(item.saved_s)
            items.append(
                {
                    "name": item.path.resolve().relative_to(studio.outputs).as_posix(),
                    "prompt": _words(item.settings)[:300],
                    "seed": item.settings.get("seed"),
                    "when": f"{when:%d %b %Y, %H:%M}",
                    "src": _thumbnail(studio, item.path),
                }
            )
        return {"items": items, "more": len(found) > PAGE}

    return gr.HTML(
        None,
        html_template=_DRAWER,
        js_on_load=mount_call("mountHistory", "", ("restore", "verify")),
        server_functions=[history],
        apply_default_css=False,
        elem_classes="loom-history",
    )


def connect_records(studio: Studio, header: Header, drawer: gr.HTML, filler: Filler) -> None:
    """Wires dropped pictures and the drawer's pictures to the forms."""

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
        )

    def record(evt: gr.EventData) -> list[Any]:
        path = given(evt, "path", None)
        return filler.guarded(
            lambda: restored(read_upload(path, MAX_PICTURE_BYTES), {"path": str(path)})
        )

    def restore(evt: gr.EventData) -> list[Any]:
        name = given(evt, "name", None)
        return filler.guarded(lambda: restored(_past(studio, name), {"name": str(name)}))

    for trigger, fn in (
        (event(header.notices, "record"), record),
        (event(drawer, "restore"), restore),
    ):
        trigger(
            fn,
            outputs=filler.outputs,
            show_progress="hidden",
            show_progress_on=header.notices,
            api_visibility="private",
        )


def _words(settings: dict[str, Any]) -> str:
    """What a picture was asked to show; of a morph, both ends."""
    ends = [str(settings.get(name, "")) for name in ENDS]
    shared = str(settings.get("prompt", ""))
    return shared if shared or "prompt_a" not in settings else " → ".join(filter(None, ends))


def _thumbnail(studio: Studio, path: Path) -> str:
    try:
        return data_uri(studio.storage.thumbnail(path, THUMBNAIL_PX), "image/jpeg")
    except LoomError:
        return ""  # the card stays, without its picture


def _past(studio: Studio, name: Any) -> bytes:
    if not isinstance(name, str):
        raise BadInput("That picture is no longer there.")
    return studio.storage.checked(Path(name)).read_bytes()
