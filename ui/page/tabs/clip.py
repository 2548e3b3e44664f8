"""clip: a film drawn anew, its frames in step with each other."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.events import Pixels
from backend.contracts.settings import ClipSettings, Settings
from backend.contracts.settings.clip import KEY_PICTURE
from ui.forms.tab import Below, Fold, Inputs, Layout, Tab
from ui.forms.workspace import Workspace
from ui.gradio_compat.event_data import told
from ui.gradio_compat.untyped import event
from ui.panels.clip import clip_panel
from ui.panels.clip_part import chosen_part, clip_part, glance
from ui.server.studio import Studio
from ui.server.uploads import read_inputs, read_pictures

KINDS = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".gif", ".webp", ".png", ".zip")


def _pictures() -> dict[str, Component]:
    return {
        "clip": gr.File(
            label="Clip: a film, an animation or a zip of pictures",
            file_types=list(KINDS),
            type="filepath",
            height=120,
            elem_id="clip-clip",
            elem_classes="loom-clip-file",
        ),
        "part": clip_part(),
    }


def _connect(space: Workspace) -> None:
    clip, part = space.pictures["clip"], space.pictures["part"]
    assert isinstance(clip, gr.File)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
    clip.change(glance, inputs=clip, outputs=part, preprocess=False, **quiet)
    fields = [space.form.parts[name] for name in ("first_frame", "last_frame")]

    def take(evt: gr.EventData) -> list[int]:
        return chosen_part(told(evt))

    event(part, "part")(take, outputs=fields, **quiet)


def _key() -> dict[str, Component]:
    return {
        KEY_PICTURE: gr.Image(
            label="Make the clip like this picture, e.g. one of its frames, edited",
            type="filepath",
            sources=["upload", "clipboard"],
            height=200,
            elem_id="clip-key-picture",
            elem_classes="loom-picture",
            buttons=[],
        )
    }


def _pixels(raw: dict[str, Any]) -> dict[str, Pixels]:
    """What a preset keeps: the picture, not the clip."""
    return read_pictures({KEY_PICTURE: raw.get(KEY_PICTURE)})


def _inputs(settings: Settings, raw: dict[str, Any]) -> tuple[Settings, dict[str, Pixels]]:
    return read_inputs(settings, {name: raw.get(name) for name in ("clip", KEY_PICTURE)})


def _panel(space: Studio) -> dict[str, Component]:
    return {"panel": clip_panel(space)}


TAB = Tab(
    mode=ClipSettings.mode,
    title="clip",
    heading="A clip drawn anew",
    text=(
        "Add a short film and say what it shall become; its frames sharpen together, look at each "
        "other and hold still."
    ),
    layout=Layout(
        beside=("first_frame", "last_frame", "every"),
        main=(
            "strength",
            "steps",
            "guidance_scale",
            "frame_noise",
            "attend",
            "width",
            "control",
            "control_scale",
        ),
        folds=(
            Fold("key", "What frames look at", ("key_frame", "attend_own", "bank_frames"), _key),
            Fold(
                "invert",
                "Invert, then edit the prompt",
                ("start_noise", "source_prompt", "inversion_refine"),
            ),
        ),
        advanced=(
            "prompt_over",
            "keyframes",
            "canny_low",
            "canny_high",
            "controlnet",
            "resize_mode",
            "fps",
            "ping_pong",
            "audio",
            "sampler",
            "schedule",
        ),
        scripted=(
            "frames",
            "format",
            "batch_size",
            "batch_count",
            "variation_seed",
            "variation_strength",
        ),
    ),
    inputs=Inputs(
        components=_pictures,
        pixels=_pixels,
        settle=_inputs,
    ),
    below=Below(panel=_panel),
    connect=_connect,
)
