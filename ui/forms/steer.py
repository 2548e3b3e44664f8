"""Steering on the page: one fold, wherever a tab's run can be pulled at."""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from backend.contracts.settings.steer import SteerFields
from ui.forms.stage import mount_call
from ui.forms.tab import Fold

_PAINTER = """
<div class="painter" role="group" aria-label="Rough colours in their places">
  <div class="cells" title="Paint what shall be where; what stays free may be anything"></div>
  <div class="tools">
    <label>Colour <input type="color" value="#2060e0" aria-label="Colour to paint"></label>
    <button class="rubber quiet" type="button" aria-pressed="false">Rubber</button>
    <button class="clear quiet" type="button">Clear</button>
    <button class="from-places quiet" type="button"
      title="The rough colours of a picture, in their places">Places of a picture</button>
    <button class="from-palette quiet" type="button"
      title="The colours of a picture, wherever they are">Palette of a picture</button>
    <input type="file" accept="image/*" hidden aria-label="Picture to take colours from">
  </div>
</div>
"""


def fold(mode: str) -> Fold:
    """The fold of a tab."""

    def painter() -> dict[str, Component]:
        gr.HTML(
            None,
            html_template=_PAINTER,
            js_on_load=mount_call("mountPainter", mode, ()),
            apply_default_css=False,
            elem_id=f"{mode}-painter",
        )
        return {}

    return Fold("steering", "Steer", tuple(SteerFields.model_fields), painter)
