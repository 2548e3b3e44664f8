"""The rows of several ControlNets: a component of our own, whose value is a form's text.

The text is a JSON list of the settings' controls with what differs from the defaults; it is empty
where there are none, and the tab's one ControlNet acts.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from backend.contracts.library import Library, ModelEntry
from backend.contracts.settings.rows import ControlUse
from backend.control import registry
from backend.engine.jobs.protocol import Engine
from ui.forms.controls import Control, Values
from ui.forms.rows import rows_of
from ui.forms.stage import mount_call
from ui.server.foreign import as_dict

MAX_CHARS = 20_000
MOST = 4
_TEMPLATE = """
<div class="stage-list" role="group" aria-label="ControlNets">
  <p class="none" hidden></p>
  <div class="stage-rows"></div>
  <select class="stage-add" aria-label="Add a ControlNet" hidden></select>
</div>
"""
_STANDARD = {name: info.get_default() for name, info in ControlUse.model_fields.items()}


def controls_of(library: Library, model: str) -> dict[str, Any]:
    """The ControlNets that fit a model, with what each was trained on; and what can be taken."""
    return {
        "most": MOST,
        "nets": [
            {"name": net.name, "detector": net.detectors[0] if net.detectors else "identity"}
            for net in library.controlnets
            if model in net.fits and net.problem is None
        ],
        "detectors": [[entry.name, entry.title] for entry in registry.ENTRIES],
    }


def control_rows(engine: Engine, mode: str) -> gr.HTML:
    """Builds the rows of a tab; which ControlNets fit is asked of the engine.

    Args:
        engine: Its library names them.
        mode: Name of the tab's mode.
    """

    def known_controls(asked: Any) -> dict[str, Any]:
        return controls_of(engine.library(refresh=True), str(as_dict(asked).get("model", "")))

    return gr.HTML(
        "",
        html_template=_TEMPLATE,
        js_on_load=mount_call("mountControls", mode, ()),
        server_functions=[known_controls],
        apply_default_css=False,
        elem_id=f"{mode}-controls",
        elem_classes="loom-cascade",
    )


def read_rows(value: Any) -> Values:
    """The rows' text -> the settings field.

    Raises:
        BadInput: It is no list of rows.
    """
    otherwise = "The ControlNets could not be read; reload the page and add them again."
    return {"controls": rows_of(value, MAX_CHARS, "controls", otherwise)}


def write_rows(values: Values, card: ModelEntry) -> str:
    """The settings field -> the rows' text, with what differs from the defaults."""
    rows = [
        {key: use[key] for key in use if key == "name" or use[key] != _STANDARD[key]}
        for use in values.get("controls", ())
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else ""


def control(engine: Engine, mode: str) -> Control:
    """The control that stands for the field `controls` in a tab."""

    def build(*_: Any) -> gr.HTML:
        return control_rows(engine, mode)

    return Control("controls", ("controls",), build, read_rows, write_rows)
