"""The rows of a cascade's further stages: a component of our own whose value is a form's text.

The text is a JSON list of the settings' stages with what differs from the recommended; it is empty
where there are none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from backend.contracts.library import Library, ModelEntry
from backend.contracts.settings.cascade import StageUse
from backend.engine.jobs.protocol import Engine
from ui.forms.choices import card_of
from ui.forms.controls import Control, Values
from ui.forms.rows import rows_of
from ui.forms.stage import mount_call
from ui.server.foreign import as_dict

MAX_CHARS = 60_000
_TEMPLATE = """
<div class="stage-list" role="group" aria-label="Further stages">
  <p class="none" hidden></p>
  <div class="stage-rows"></div>
  <select class="stage-add" aria-label="Add a stage" hidden></select>
</div>
"""
_STANDARD: Mapping[str, Any] = {
    name: info.get_default() for name, info in StageUse.model_fields.items()
}


def stages_of(library: Library, model: str) -> dict[str, Any]:
    """The models that enlarge, with what they recommend, and the names of a model's own stages."""
    return {
        "stages": [
            {
                "name": one.name,
                "title": one.title or one.name,
                "steps": one.can.steps,
                "guidance_scale": one.guidance_scale,
                "noise_level": one.can.enlarges.noise_level,
                "most_noise": one.can.enlarges.most_noise,
                "factor": one.can.enlarges.factor,
            }
            for one in library.models
            if one.can.enlarges is not None and one.problem is None
        ],
        "own": list(card_of(library, model).cascade),
    }


def cascade_rows(engine: Engine, mode: str) -> gr.HTML:
    """Builds the rows of a tab; which stages there are is asked of the engine.

    Args:
        engine: Its library names the models.
        mode: Name of the tab's mode.
    """

    def known_stages(asked: Any) -> dict[str, Any]:
        return stages_of(engine.library(refresh=True), str(as_dict(asked).get("model", "")))

    return gr.HTML(
        "",
        html_template=_TEMPLATE,
        js_on_load=mount_call("mountCascade", mode, ()),
        server_functions=[known_stages],
        apply_default_css=False,
        elem_id=f"{mode}-stages",
        elem_classes="loom-cascade",
    )


def read_rows(value: Any) -> Values:
    """The rows' text -> the settings field.

    Raises:
        BadInput: It is no list of rows.
    """
    otherwise = "The stages could not be read; reload the page and set them again."
    return {"stages": rows_of(value, MAX_CHARS, "stages", otherwise)}


def write_rows(values: Values, card: ModelEntry) -> str:
    """The settings field -> the rows' text; a factor belongs to the model, not to a form."""
    rows = [
        {
            key: use[key]
            for key in use
            if key == "model" or (key != "factor" and use[key] != _STANDARD[key])
        }
        for use in values.get("stages", ())
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else ""


def control(engine: Engine, mode: str) -> Control:
    """The control that stands for the field `stages` in a tab."""

    def build(*_: Any) -> gr.HTML:
        return cascade_rows(engine, mode)

    return Control("stages", ("stages",), build, read_rows, write_rows)
