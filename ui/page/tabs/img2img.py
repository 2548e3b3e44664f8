"""img2img: a picture from a picture, as a whole, inside a mask, or beyond its borders."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.errors import LoomError
from backend.contracts.events import Output, Pixels
from backend.contracts.settings import Img2ImgSettings, parse
from backend.engine.jobs.protocol import Engine
from backend.pictures import canvas
from ui.forms import reference, region_rows, steer
from ui.forms.tab import Below, Fold, Inputs, Layout, Tab
from ui.forms.workspace import Workspace
from ui.gradio_compat.carrying import carried, unpacked
from ui.gradio_compat.untyped import on
from ui.panels.before import before_part, connect_before
from ui.panels.painting import mask_file, painting, sent_pictures

WORDS = (
    (0.35, "stays close to the picture"),
    (0.65, "keeps its composition"),
    (0.9, "keeps its colours and rough layout"),
    (1.01, "keeps hardly anything of it"),
)


def _picture() -> dict[str, Component]:
    return {
        "image": gr.Image(
            type="filepath",
            sources=["upload", "clipboard", "webcam"],
            label="Picture",
            height=250,
            elem_id="img2img-image",
            elem_classes="loom-picture",
            buttons=[],
        ),
        "painted": painting("img2img"),
    }


def _meaning() -> dict[str, Component]:
    return {"meaning": gr.Markdown("", elem_id="img2img-meaning", elem_classes="loom-meaning")}


def _mask() -> dict[str, Component]:
    return mask_file("img2img")


def _pixels(raw: dict[str, Any]) -> dict[str, Pixels]:
    return sent_pictures(raw, ("image", "reference"))


def meaning(engine: Engine, settings: Img2ImgSettings) -> str:
    """What the strengths come to, in words and numbers: start step, noise level, steps left."""
    levels = engine.levels(settings)
    lines: list[str] = []
    for strength in settings.ladder:
        left = settings.model_steps(strength)
        start = settings.steps - left
        words = next(text for limit, text in WORDS if strength < limit)
        lines.append(
            f"**{strength:g}** {words}: starts before step {start + 1} of {settings.steps}, "
            f"at noise σ {levels[start]:.2f}; {left} {'step' if left == 1 else 'steps'} to go."
        )
    return "\n\n".join(lines)


def _connect(space: Workspace) -> None:
    engine, form = space.studio.engine, space.form

    def explain(sent: Any) -> str:
        try:
            settings = form.parse(unpacked(sent)[0])
            assert isinstance(settings, Img2ImgSettings)
            return meaning(engine, settings)
        except LoomError as error:
            return str(error)

    explained = space.pictures["meaning"]
    assert isinstance(explained, gr.Markdown)
    about = ("strength", "strengths", "steps", "sampler", "schedule", "model")
    changes = [form.parts[name].change for name in about]  # type: ignore[attr-defined]
    carried(
        partial(on, [*changes, space.page.load]),
        explain,
        form.parts,
        explained,
        queue=False,
        trigger_mode="always_last",
    )
    reference.connect(space)

    def start_of(picture: Pixels, output: Output) -> Pixels:
        settings = parse("img2img", output.record.settings)
        assert isinstance(settings, Img2ImgSettings)
        return canvas.base(settings, picture)

    connect_before(space, start_of)


TAB = Tab(
    mode="img2img",
    title="img2img",
    heading="A picture from a picture",
    text="Give it a photo or a sketch, say how far to go from it, and paint where it may change.",
    layout=Layout(
        beside=("resize_mode",),
        main=(
            "strength",
            "strengths",
            "sampler",
            "schedule",
            "steps",
            "guidance_scale",
            "width",
            "batch_size",
            "batch_count",
        ),
        under={"strengths": _meaning},
        folds=(
            Fold(
                "mask",
                "Mask",
                (
                    "masked_content",
                    "mask_blur",
                    "mask_invert",
                    "only_masked",
                    "only_masked_padding",
                ),
                _mask,
            ),
            Fold(
                "invert",
                "Invert, then edit the prompt",
                ("start_noise", "source_prompt", "inversion_refine"),
            ),
            reference.FOLD,
            region_rows.FOLD,
            steer.fold("img2img"),
            Fold(
                "outpaint",
                "Outpaint",
                ("outpaint_left", "outpaint_right", "outpaint_top", "outpaint_bottom"),
            ),
        ),
    ),
    inputs=Inputs(
        components=_picture,
        pixels=_pixels,
        receivers=(("image", ""),),
    ),
    below=Below(before="Before", result=partial(before_part, "img2img")),
    connect=_connect,
    grid=True,
)
