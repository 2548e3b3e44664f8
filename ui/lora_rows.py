"""The rows of the LoRA mix: a component of our own whose value is the text that a form keeps.

One LoRA is written `name:weight`, with `@start-end` where it acts in a part of the run only, and a
`~` before it while it is switched off; LoRAs stand between commas.
"""

from __future__ import annotations

import re
from typing import Any

import gradio as gr

from backend.engine.protocol import Engine
from backend.errors import BadInput
from ui.controls import Control, Values
from ui.stage import mount_call, script

_LORA = re.compile(r"\s*(?P<name>[^:,]+?)\s*(?::\s*(?P<weight>[-+.\d]+))?"
                   r"\s*(?:@\s*(?P<start>[.\d]+)\s*-\s*(?P<end>[.\d]+))?\s*")
_TEMPLATE = """
<div class="lora-mix" role="group" aria-label="LoRAs">
  <p class="none"></p>
  <div class="lora-rows"></div>
  <button type="button" class="lora-add quiet">Add a LoRA</button>
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
        model = str(asked.get("model", "")) if isinstance(asked, dict) else ""
        return {"loras": [
            {"name": lora["name"], "words": lora["trigger_words"],
             "problem": lora["problem"] or lora["misfits"].get(model)}
            for lora in engine.library(refresh=True).loras
        ]}

    return gr.HTML(
        "", html_template=_TEMPLATE, js_on_load=mount_call("mountLoras", mode, ()),
        head=script("loom.js", "lora.js"), server_functions=[known], apply_default_css=False,
        elem_id=f"{mode}-loras", elem_classes="loom-loras",
    )


def read_rows(value: Any) -> Values:
    """The rows' text -> the settings field; rows that are off are left out.

    Raises:
        BadInput: A row is not written as it should be.
    """
    uses: list[dict[str, Any]] = []
    for part in filter(str.strip, str(value or "").split(",")):
        if part.lstrip().startswith("~"):
            continue
        match = _LORA.fullmatch(part)
        try:
            use = {k: v if k == "name" else float(v)
                   for k, v in match.groupdict().items() if v} if match else None
        except ValueError:
            use = None
        if use is None:
            raise BadInput("LoRAs are written as name:weight, e.g. pocket-ink:0.8.", "loras")
        uses.append(use)
    return {"loras": uses}


def write_rows(values: Values, card: dict[str, Any]) -> str:
    """The settings field -> the rows' text."""
    def one(use: dict[str, Any]) -> str:
        start, end = use.get("start", 0.0), use.get("end", 1.0)
        part = "" if (start, end) == (0.0, 1.0) else f"@{start:g}-{end:g}"
        return f"{use['name']}:{use.get('weight', 1.0):g}{part}"
    return ", ".join(one(use) for use in values.get("loras", ()))


def control(engine: Engine, mode: str) -> Control:
    """The control that stands for the field `loras` in a tab."""
    return Control("loras", ("loras",), lambda *_: lora_rows(engine, mode), read_rows, write_rows)
