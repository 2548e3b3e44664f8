"""The regions of a tab: a component of our own whose value is a form's text.

The text is a JSON list of the settings' regions with what differs from the standard; it is empty
where there are none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import gradio as gr

from backend.contracts.library import ModelEntry
from backend.contracts.settings.regions import Region
from backend.engine.jobs.protocol import Engine
from ui.forms.controls import Control, Values
from ui.forms.rows import rows_of
from ui.forms.stage import mount_call
from ui.forms.tab import Fold
from ui.server.foreign import as_dict

MAX_CHARS = 60_000
FOLD = Fold("regions", "Regions", ("regions", "region_soft", "region_base", "region_by"))
_TEMPLATE = """
<div class="region-list" role="group" aria-label="Regions">
  <div class="region-map"
    title="Drag a box for the chosen region, or paint it with the brush"></div>
  <div class="tools">
    <button class="region-add quiet" type="button">Add a region</button>
    <button class="brush quiet" type="button" aria-pressed="false"
      title="Paint the chosen region instead of a box">Brush</button>
  </div>
  <div class="region-rows"></div>
</div>
"""
_STANDARD: Mapping[str, Any] = {
    name: info.get_default() for name, info in Region.model_fields.items()
}


def read_rows(value: Any) -> Values:
    """The rows' text -> the settings field.

    Raises:
        BadInput: It is no list of rows.
    """
    otherwise = "The regions could not be read; reload the page and draw them again."
    return {"regions": rows_of(value, MAX_CHARS, "regions", otherwise)}


def write_rows(values: Values, card: ModelEntry) -> str:
    """The settings field -> the rows' text."""
    rows = [
        {key: use[key] for key in use if _plain(use[key]) != _plain(_STANDARD[key])}
        for use in values.get("regions", ())
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else ""


def control(engine: Engine, mode: str) -> Control:
    """The control that stands for the field `regions` in a tab."""

    def known_loras(asked: Any) -> list[dict[str, Any]]:
        """The LoRAs that the asked model can be used with."""
        model = str(as_dict(asked).get("model", ""))
        return [
            {"name": lora.name, "weight": lora.weight}
            for lora in engine.library(refresh=True).loras
            if not lora.problem and model not in lora.misfits
        ]

    def build(*_: Any) -> gr.HTML:
        return gr.HTML(
            "",
            html_template=_TEMPLATE,
            js_on_load=mount_call("mountRegions", mode, ()),
            server_functions=[known_loras],
            apply_default_css=False,
            elem_id=f"{mode}-regions-map",
            elem_classes="loom-regions",
        )

    return Control("regions", ("regions",), build, read_rows, write_rows)


def _plain(value: Any) -> Any:
    return list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value
