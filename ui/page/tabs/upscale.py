"""upscale: a picture made larger, beside what Lanczos makes of it."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.errors import LoomError
from backend.contracts.events import Pixels
from backend.contracts.settings import UpscaleSettings
from backend.pictures.fit import fit
from ui.forms.tab import Below, Fold, Inputs, Layout, Tab
from ui.forms.workspace import Workspace
from ui.gradio_compat.event_data import told
from ui.gradio_compat.untyped import event
from ui.jobs.pictures import chosen
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


def _beside() -> dict[str, Component]:
    with gr.Accordion(
        "Beside Lanczos", open=True, elem_id="upscale-compare-fold", elem_classes="loom-fold"
    ):
        slider = gr.ImageSlider(
            label="Lanczos, and the result",
            show_label=False,
            interactive=False,
            format="png",
            elem_id="upscale-slider",
            buttons=["fullscreen"],
            max_height=620,
        )
    return {"slider": slider}


def _connect(space: Workspace) -> None:
    engine = space.studio.engine
    shared = space.form.parts["prompt"]
    assert isinstance(shared, gr.Textbox)
    shared.placeholder = "What it shows; read by a diffusion upscaler and where it is drawn again"

    def beside(sent: Any, evt: gr.EventData) -> Any:
        """The source by Lanczos, and the chosen result; nothing where they are not of one run."""
        data = told(evt)
        try:
            output = chosen(engine, data.get("job"), data.get("image"))
            pictures = read_pictures({"image": sent})
        except LoomError:
            return None
        if output is None or "image" not in pictures or output.record.mode != space.tab.mode:
            return None
        height, width = output.image.shape[:2]
        return fit(pictures["image"], width, height, "crop").image, output.image

    event(space.stage, "pick")(
        beside,
        inputs=space.pictures["image"],
        outputs=space.results["slider"],
        show_progress="hidden",
        api_visibility="private",
        preprocess=False,
    )


TAB = Tab(
    mode=UpscaleSettings.mode,
    title="upscale",
    heading="A picture, larger",
    text=(
        "Give it a small picture and a factor; choose what enlarges it, and how far a model draws "
        "it again."
    ),
    layout=Layout(
        main=("upscaler", "factor", "strength", "steps", "guidance_scale", "compare", "tile"),
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
    below=Below(result=_beside),
    connect=_connect,
)
