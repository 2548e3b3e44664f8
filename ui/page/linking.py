"""Links that carry a recipe: made of a result or a form, and opened.

The recipe stands behind the address's "#": browsers do not send that part to the server, so that no
log of a server or proxy between holds a prompt. The page's script hands it over once the forms are
restored, and takes it out of the address.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from backend.contracts.errors import BadInput
from backend.contracts.settings import Settings, parse
from backend.recipes.permalink import MAX_CHARS, decode, encode
from ui.forms.workspace import Workspace
from ui.gradio_compat.carrying import carried, unpacked
from ui.gradio_compat.event_data import given
from ui.gradio_compat.untyped import event
from ui.jobs.pictures import chosen
from ui.jobs.sentences import sentence
from ui.panels.filling import Filler
from ui.panels.header import Header, notes
from ui.panels.presets import PresetPanel
from ui.panels.tab_bar import TabBar
from ui.server.studio import Studio

WITHOUT = "Pictures that a recipe begins with are not in its link."
OPENED = "The link's settings are in the form; nothing has been run."


def connect_links(
    studio: Studio,
    page: gr.Blocks,
    header: Header,
    panel: PresetPanel,
    filler: Filler,
    spaces: list[Workspace],
    tabs: TabBar,
) -> None:
    """Wires "Copy link" by the result and in the preset panel, and links that are opened."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def of_result(evt: gr.EventData) -> dict[str, Any]:
        output = chosen(studio.engine, given(evt, "job", None), given(evt, "image", None))
        if output is None:
            return notes("That picture is no longer kept; generate again.", kind="warn")
        record = output.record
        return _link(lambda: parse(record.mode, record.settings))

    for space in spaces:
        event(space.stage, "link")(of_result, outputs=header.notices, **quiet)

    def of_form(sent: Any, shown: Any) -> dict[str, Any]:
        raw, _ = unpacked(sent)
        form = forms[shown]
        values = {key: raw[f"{shown}/{key}"] for key in form.parts}
        return _link(lambda: form.parse(values))

    forms = {space.tab.mode: space.form for space in spaces}
    parts: dict[str, Any] = {
        f"{mode}/{key}": part for mode, form in forms.items() for key, part in form.parts.items()
    }
    carried(panel.link.click, of_form, parts, header.notices, states=[tabs.shown])

    def opened(recipe: Any) -> list[Any]:
        if not isinstance(recipe, str):
            raise BadInput("The link's recipe cannot be used: it is cut off or damaged.")
        settings = decode(recipe[: MAX_CHARS + 1])
        return filler.fill(settings.mode, settings.model_dump(mode="json"), OPENED)

    def open_link(evt: gr.EventData) -> list[Any]:
        return filler.guarded(lambda: opened(given(evt, "recipe", None)))

    event(header.notices, "open_link")(
        open_link, outputs=filler.outputs, show_progress_on=header.notices, **quiet
    )
    modes = json.dumps([space.tab.mode for space in spaces])
    page.load(fn=None, js=f"() => loom.watchLinks({modes})", **quiet)


def _link(settings: Callable[[], Settings]) -> dict[str, Any]:
    """A value for the notices that copies the link, or says why there is none."""
    try:
        recipe = settings()
        told = [WITHOUT] if recipe.pictures else []
        return notes(*told, link=encode(recipe))
    except Exception as error:
        return notes(sentence(error), kind="warn")
