"""Codes: a picture drawn code by code, and what a codebook makes of a picture."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.events import Pixels
from backend.contracts.settings.codes import CodesSettings
from ui.forms.tab import Inputs, Layout, Tab
from ui.server.uploads import read_pictures


def _picture() -> dict[str, Component]:
    return {
        "image": gr.Image(
            type="filepath",
            sources=["upload", "clipboard", "webcam"],
            label="Picture (empty: all cells are drawn)",
            height=250,
            elem_id="codes-image",
            elem_classes="loom-picture",
            buttons=[],
        )
    }


def _pixels(raw: dict[str, Any]) -> dict[str, Pixels]:
    return read_pictures({"image": raw.get("image")})


TAB = Tab(
    mode=CodesSettings.mode,
    title="Codes",
    heading="A picture of numbered pieces",
    text=(
        "A VQ model knows a picture as a map of codes; a prior draws them one after the other, "
        "from the top left, by what the prompt and the codes before say."
    ),
    layout=Layout(
        main=(
            "prior",
            "temperature",
            "top_k",
            "kept_rows",
            "redraw",
            "paint",
            "decoder",
            "width",
            "batch_size",
            "batch_count",
        ),
        scripted=(
            "sampler",
            "schedule",
            "steps",
            "guidance_scale",
            "eta",
            "variance",
        ),
    ),
    inputs=Inputs(components=_picture, pixels=_pixels, receivers=(("image", ""),)),
)
