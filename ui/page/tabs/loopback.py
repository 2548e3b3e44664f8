"""loopback: a picture from a picture, again and again."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.events import Pixels
from backend.contracts.settings.regions import RegionFields
from ui.forms import reference, steer
from ui.forms.tab import Inputs, Layout, Tab
from ui.server.uploads import read_pictures


def _picture() -> dict[str, Component]:
    return {
        "image": gr.Image(
            type="filepath",
            sources=["upload", "clipboard", "webcam"],
            label="Picture",
            height=250,
            elem_id="loopback-image",
            elem_classes="loom-picture",
            buttons=[],
        )
    }


def _pixels(raw: dict[str, Any]) -> dict[str, Pixels]:
    return read_pictures({name: raw.get(name) for name in ("image", "reference")})


TAB = Tab(
    mode="loopback",
    title="loopback",
    heading="A picture that is drawn again and again",
    text="Give it a picture and a small strength; each loop starts from what the last one made.",
    layout=Layout(
        beside=("resize_mode",),
        main=(
            "loops",
            "strength",
            "strength_change",
            "sampler",
            "schedule",
            "steps",
            "guidance_scale",
            "width",
        ),
        scripted=(
            "strengths",
            "batch_size",
            "batch_count",
            "mask_invert",
            "mask_blur",
            "masked_content",
            "only_masked",
            "only_masked_padding",
            "start_noise",
            "source_prompt",
            "inversion_refine",
            "outpaint_left",
            "outpaint_right",
            "outpaint_top",
            "outpaint_bottom",
            *RegionFields.model_fields,
        ),
        folds=(reference.FOLD, steer.fold("loopback")),
    ),
    inputs=Inputs(
        components=_picture,
        pixels=_pixels,
        receivers=(("image", ""),),
    ),
    connect=reference.connect,
)
