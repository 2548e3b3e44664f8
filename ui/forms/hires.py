"""Hires fix on the page: one fold with a switch, wherever a tab draws from words."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.settings.hires import SWITCHED_ON, HiresFields
from ui.forms.tab import Fold
from ui.forms.workspace import Workspace


def _switch() -> dict[str, Component]:
    return {
        "hires_on": gr.Checkbox(
            False,
            label="Draw it again, larger",
            elem_classes="loom-switch",
            info="A second stage starts from the enlarged picture: finer detail at sizes where one "
            "stage alone repeats its subject.",
        )
    }


WORKED_OUT = ("hires_grid_px",)
"""What the model says, and nobody sets."""
SHOWN = tuple(name for name in HiresFields.model_fields if name not in WORKED_OUT)
FOLD = Fold("hires", "Hires fix", SHOWN, _switch, early=True)


def connect(space: Workspace) -> None:
    """The switch sets the scale, and the scale shows in the switch."""
    switch, scale = space.pictures["hires_on"], space.form.parts["hires_scale"]
    assert isinstance(switch, gr.Checkbox)
    assert isinstance(scale, gr.Slider)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
    switch.input(
        fn=None, js=f"(on) => on ? {SWITCHED_ON} : 1", inputs=switch, outputs=scale, **quiet
    )
    scale.change(fn=None, js="(scale) => scale > 1", inputs=scale, outputs=switch, **quiet)
