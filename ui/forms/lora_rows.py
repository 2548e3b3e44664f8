"""The rows of the LoRA mix: a component of our own whose value is the text that a form keeps.

The text is a JSON list of the settings' LoRAs, rows that are off included; it is empty where there
are none.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from backend.contracts.library import ModelEntry
from backend.contracts.settings.blocks import NAMED
from backend.engine.jobs.protocol import Engine
from ui.forms.controls import Control, Values
from ui.forms.rows import rows_of
from ui.forms.stage import mount_call
from ui.server.foreign import as_dict

MAX_CHARS = 20_000
_BLOCKS = "".join(f'<option value="{name}"></option>' for name in NAMED if NAMED[name])
_TEMPLATE = """
<div class="lora-mix" role="group" aria-label="LoRAs">
  <p class="none"></p>
  <div class="lora-rows"></div>
  <div class="lora-ways"><button type="button" class="lora-add quiet">Add a LoRA</button>
  <button type="button" class="lora-choose quiet">Choose…</button></div>
  <datalist id="MODE-lora-blocks">BLOCKS</datalist>
</div>
"""


def lora_rows(engine: Engine, mode: str) -> gr.HTML:
    """Builds the rows of a tab; which LoRAs fit the chosen model is asked of the engine.

    Args:
        engine: Its library names the LoRAs.
        mode: Name of the tab's mode.
    """

    def known(asked: Any) -> dict[str, Any]:
        """The LoRAs at hand; `problem` says why one cannot be used with the asked model."""
        model = str(as_dict(asked).get("model", ""))
        return {
            "loras": [
                {
                    "name": lora.name,
                    "words": list(lora.trigger_words),
                    "rank": lora.rank,
                    "bytes": lora.bytes,
                    "notes": list(lora.notes),
                    "base": lora.base,
                    "about": lora.about,
                    "weight": lora.weight,
                    "picture": lora.picture,
                    "blocks": lora.blocks,
                    "problem": lora.problem or lora.misfits.get(model),
                }
                for lora in engine.library(refresh=True).loras
            ]
        }

    return gr.HTML(
        "",
        html_template=_TEMPLATE.replace("MODE", mode).replace("BLOCKS", _BLOCKS),
        js_on_load=mount_call("mountLoras", mode, ()),
        server_functions=[known],
        apply_default_css=False,
        elem_id=f"{mode}-loras",
        elem_classes="loom-loras",
    )


def read_rows(value: Any) -> Values:
    """The rows' text -> the settings field.

    Raises:
        BadInput: It is no list of rows.
    """
    otherwise = "The LoRA rows could not be read; reload the page and add them again."
    return {"loras": rows_of(value, MAX_CHARS, "loras", otherwise)}


def write_rows(values: Values, card: ModelEntry) -> str:
    """The settings field -> the rows' text, with what differs from the defaults."""
    standard = {"weight": 1.0, "start": 0.0, "end": 1.0, "on": True, "blocks": ""}
    rows = [
        {key: use[key] for key in use if key == "name" or use[key] != standard[key]}
        for use in values.get("loras", ())
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else ""


def control(engine: Engine, mode: str) -> Control:
    """The control that stands for the field `loras` in a tab."""

    def build(*_: Any) -> gr.HTML:
        return lora_rows(engine, mode)

    return Control("loras", ("loras",), build, read_rows, write_rows)
