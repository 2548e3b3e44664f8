"""upscale: a picture made larger, beside what Lanczos makes of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.events import Output, Pixels
from backend.contracts.settings import UpscaleSettings
from backend.pictures.fit import fit
from ui.forms.tab import Below, Fold, Inputs, Layout, Tab
from ui.forms.workspace import Workspace
from ui.panels.before import before_part, connect_before
from ui.server.uploads import read_pictures


def _picture() -> dict[str, Component]:
    return {
        "image": gr.Image(
            type="filepath",
            sources=["upload", "clipboard"],
            label="Picture",
            height=250,
            elem_id="upscale-image",
            elem_classes="loom-picture",
            buttons=[],
        )
    }


def _pixels(raw: dict[str, Any]) -> dict[str, Pixels]:
    return read_pictures({"image": raw.get("image")})


def _by_lanczos(picture: Pixels, output: Output) -> Pixels:
    height, width = output.image.shape[:2]
    return fit(picture, width, height, "crop").image


def _connect(space: Workspace) -> None:
    shared = space.form.parts["prompt"]
    assert isinstance(shared, gr.Textbox)
    shared.placeholder = "What it shows; read by a diffusion upscaler and where it is drawn again"
    connect_before(space, _by_lanczos)


TAB = Tab(
    mode=UpscaleSettings.mode,
    title="upscale",
    heading="A picture, larger",
    text=(
        "Give it a small picture and a factor; choose what enlarges it, and how far a model draws "
        "it again."
    ),
    layout=Layout(
        main=("upscaler", "factor", "strength", "tile", "steps", "guidance_scale", "compare"),
        advanced=("sampler", "schedule", "batch_size", "batch_count"),
        scripted=("width", "height"),
        folds=(
            Fold(
                "diffusion",
                "Diffusion upscaler",
                ("noise_level", "upscaler_steps", "upscaler_guidance"),
                early=True,
            ),
        ),
    ),
    inputs=Inputs(
        components=_picture,
        pixels=_pixels,
        receivers=(("image", ""),),
    ),
    below=Below(before="Lanczos", result=partial(before_part, UpscaleSettings.mode)),
    connect=_connect,
)
