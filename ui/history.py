"""The history drawer, and settings out of pictures that are dropped on the page."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from backend.errors import BadInput, LoomError
from backend.metadata import read
from backend.settings import XyzGridSettings, parse
from ui.controls import ENDS
from ui.header import Header, notes
from ui.preset_panel import apply
from ui.stage import mount_call, script
from ui.stream import data_uri, sentence
from ui.studio import Studio
from ui.tab_bar import TabBar
from ui.uploads import read_upload
from ui.workspace import Workspace

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
        search = asked.get("search") if isinstance(asked, dict) else ""
        offset = asked.get("offset") if isinstance(asked, dict) else 0
        found = studio.storage.history(
            search=search[:200] if isinstance(search, str) else "",
            offset=max(0, offset) if isinstance(offset, int) else 0, limit=PAGE + 1,
        )
        items = []
        for item in found[:PAGE]:
            when = datetime.datetime.fromtimestamp(item.saved_s)
            items.append({
                "name": item.path.resolve().relative_to(studio.outputs).as_posix(),
                "prompt": _words(item.settings)[:300],
                "seed": item.settings.get("seed"),
                "when": f"{when:%d %b %Y, %H:%M}",
                "src": _thumbnail(studio, item.path),
            })
        return {"items": items, "more": len(found) > PAGE}

    return gr.HTML(
        None, html_template=_DRAWER, js_on_load=mount_call("mountHistory", "", ("restore",)),
        head=script("loom.js", "stage.js", "history.js"), server_functions=[history],
        apply_default_css=False, elem_classes="loom-history",
    )


def connect_records(
    studio: Studio, header: Header, drawer: gr.HTML, workspaces: list[Workspace], tabs: TabBar
) -> None:
    """Wires dropped pictures and the drawer's pictures to the forms."""
    forms = [c for space in workspaces for c in (*space.form.components, space.actions)]
    grids = [space.grid for space in workspaces if space.grid is not None]
    axes = [part for grid in grids for part in grid.parts.values()]

    def restored(content: bytes) -> list[Any]:
        found = read(content)
        shown: list[Any] = [gr.skip()] * len(axes)
        if found.mode == XyzGridSettings.mode:
            grid = parse(found.mode, found.settings)
            assert isinstance(grid, XyzGridSettings)
            shown = [value for panel in grids for value in (
                panel.write(found.settings) if panel.form.mode == grid.base_mode
                else [gr.skip()] * len(panel.parts))]
            found = replace(found, mode=grid.base_mode, settings=grid.plain)
        if all(space.form.mode != found.mode for space in workspaces):
            raise BadInput(f"This picture was made in '{found.mode}', which has no tab here.")
        values = parse(found.mode, found.settings).model_dump(mode="json")
        told = ["The picture's settings are in the form."]
        known = {card["name"] for card in studio.engine.library().models}
        if values["model"] not in known:
            told.append(f"The model '{values['model']}' is not here; the present one stays.")
        told += [f"Its prompt was drawn from “{kept['text'][:200]}”."
                 for kept in values.get("templates", ())[:1]]
        told += [str(note) for note in found.notes]
        return [*apply(workspaces, found.mode, values), *shown, *tabs.open(found.mode),
                notes(*told[:4])]

    def guarded(content: Any) -> list[Any]:
        try:
            return restored(content())
        except Exception as error:
            return [*[gr.skip()] * (len(forms) + len(axes)), *tabs.stay(),
                    notes(sentence(error), kind="warn")]

    def record(evt: gr.EventData) -> list[Any]:
        return guarded(lambda: read_upload((evt._data or {}).get("path"), MAX_PICTURE_BYTES))

    def restore(evt: gr.EventData) -> list[Any]:
        return guarded(lambda: _past(studio, (evt._data or {}).get("name")))

    for trigger, fn in ((header.notices.record, record), (drawer.restore, restore)):
        trigger(fn, outputs=[*forms, *axes, *tabs.outputs, header.notices], show_progress="hidden",
                api_visibility="private")


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
