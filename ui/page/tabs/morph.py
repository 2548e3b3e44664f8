"""morph: one picture turns into another."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.events import Pixels
from backend.contracts.settings import MorphSettings
from ui.forms.tab import Below, Fold, Inputs, Layout, Tab
from ui.forms.workspace import Workspace
from ui.panels.morph import morph_panel
from ui.server.studio import Studio
from ui.server.uploads import read_pictures

PICTURES = MorphSettings.pictures


def _ends(names: tuple[str, ...], titles: tuple[str, ...]) -> dict[str, Component]:
    sources: list[Any] = ["upload", "clipboard"]
    with gr.Row(elem_classes="loom-ends"):
        return {
            name: gr.Image(
                type="filepath",
                sources=sources,
                label=title,
                height=190,
                elem_id=f"morph-{name}",
                elem_classes="loom-picture",
                buttons=[],
            )
            for name, title in zip(names, titles, strict=True)
        }


def _pictures() -> dict[str, Component]:
    return _ends(PICTURES[:2], ("End A", "End B"))


def _further() -> dict[str, Component]:
    return _ends(PICTURES[2:], ("Keyframe C", "Keyframe D"))


def _pixels(raw: dict[str, Any]) -> dict[str, Pixels]:
    return read_pictures({name: raw.get(name) for name in PICTURES})


def _panel(space: Studio) -> dict[str, Component]:
    return {"panel": morph_panel(space)}


def _connect(space: Workspace) -> None:
    shared = space.form.parts["prompt"]
    assert isinstance(shared, gr.Textbox)
    shared.placeholder = "What both ends show, where they say nothing themselves"
    shared.lines = 2
    for letter, what in zip("abcd", ("end A", "end B", "keyframe C", "keyframe D"), strict=True):
        own = space.form.parts[f"prompt_{letter}"]
        assert isinstance(own, gr.Textbox)
        own.placeholder = f"What {what} shows; enough without a picture"


TAB = Tab(
    mode=MorphSettings.mode,
    title="morph",
    heading="One picture turns into another",
    text=(
        "Give two pictures, or two prompts, or one of each, and watch the whole way between them "
        "sharpen at once."
    ),
    layout=Layout(
        beside=("prompt_a", "prompt_b", "seed_a", "seed_b"),
        main=("method", "frames", "fps", "steps", "even", "ping_pong", "adain", "width"),
        advanced=(
            "attention_lambda",
            "inversion_refine",
            "lora_rank",
            "lora_steps",
            "easing",
            "embeddings",
            "resize_mode",
            "sampler",
            "schedule",
        ),
        scripted=(
            "guidance_scale",
            "lora_lr",
            "format",
            "batch_size",
            "batch_count",
            "eta",
            "variation_seed",
            "variation_strength",
            "prompt_mix",
        ),
        folds=(
            Fold(
                "further",
                "More keyframes",
                ("keyframes", "prompt_c", "prompt_d", "seed_c", "seed_d"),
                _further,
            ),
        ),
    ),
    inputs=Inputs(
        components=_pictures,
        pixels=_pixels,
        receivers=(
            ("image_a", "end A"),
            ("image_b", "end B"),
            ("image_c", "keyframe C"),
            ("image_d", "keyframe D"),
        ),
    ),
    below=Below(panel=_panel),
    connect=_connect,
)
