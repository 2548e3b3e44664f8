"""The components of a form, each from a field's key, schema, the library and its element id."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.contracts.library import Library
from ui.forms.choices import (
    adapter_choices,
    card_of,
    controlnet_choices,
    detector_choices,
    size_choices,
    upscaler_choices,
    vae_choices,
)
from ui.server.schema import choices_of, hint

PROMPTS = "loom-says"  # the class of every field that the model reads

Part = gr.Dropdown | gr.Slider | gr.Number | gr.Textbox | gr.Checkbox | gr.HTML | gr.ColorPicker


def _named(schema: dict[str, Any], choices: list[tuple[str, str]], elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(
        choices,
        value=schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        filterable=False,
    )


def slider(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """A slider over the field's range."""
    step = schema.get("step", 1 if schema["type"] == "integer" else 0.05)
    return gr.Slider(
        schema["minimum"],
        schema["maximum"],
        schema["default"],
        step=step,
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        buttons=[],
    )


def steps(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """As far as is of use to the model; a script may ask for more."""
    most = min(schema["maximum"], card_of(library, "").can.usual_steps)
    return slider(key, {**schema, "maximum": most}, library, elem_id)


def choice(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """A list of the field's own choices."""
    return _named(schema, choices_of(schema), elem_id)


def method(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """The same, or whatever fits."""
    return _named(schema, [("what fits", ""), *choices_of(schema)], elem_id)


def sampler(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """The library's samplers."""
    choices = [(entry.title, name) for name, entry in library.samplers.items()]
    return _named(schema, choices, elem_id)


def schedule(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """Every one that some sampler has; the form leaves the chosen sampler's."""
    every = dict.fromkeys(s for entry in library.samplers.values() for s in entry.schedules)
    titles = schema.get("choices", {})
    return _named(schema, [(titles.get(name, name), name) for name in every], elem_id)


def controlnet(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """Those that can be used, or the one that fits."""
    return _named(schema, controlnet_choices(library), elem_id)


def vae(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """The model's own autoencoder, or a separate one."""
    return _named(schema, vae_choices(library), elem_id)


def adapter(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """What a reference is followed by."""
    return _named(schema, adapter_choices(library), elem_id)


def upscaler(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """What enlarges."""
    return _named(schema, upscaler_choices(key, library), elem_id)


def detector(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """What finds the control in a picture."""
    return _named(schema, detector_choices(library), elem_id)


def number(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """A whole number without an end."""
    return gr.Number(
        schema["default"],
        precision=0,
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        minimum=schema["minimum"],
    )


def text(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """Some lines that the model reads."""
    return gr.Textbox(
        schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        lines=2,
        max_lines=12,
        elem_classes=PROMPTS,
    )


def prompt(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """What the picture shall show, or not."""
    return gr.Textbox(
        schema["default"],
        label=schema["title"],
        elem_id=elem_id,
        lines=3 if key == "prompt" else 2,
        max_lines=12,
        placeholder="What should the picture show?"
        if key == "prompt"
        else "What to steer away from",
        elem_classes=["loom-prompt", PROMPTS],
    )


def check(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """Yes or no."""
    return gr.Checkbox(schema["default"], label=schema["title"], info=hint(schema), elem_id=elem_id)


def line(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """Numbers with commas between."""
    return gr.Textbox(
        schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        placeholder="e.g. 0.3, 0.5, 0.7, 0.9",
        max_lines=1,
    )


def colour(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """A colour to pick."""
    return gr.ColorPicker(
        schema["default"], label=schema["title"], info=hint(schema), elem_id=elem_id
    )


def enlarging(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """How much larger the second stage draws, or none."""
    return gr.Dropdown(
        [("off", "off"), *((f"{scale} ×", scale) for scale in ("1.5", "2", "3", "4"))],
        value=schema["default"],
        label="Hires",
        info="A second stage draws the picture again, larger; type any other factor up to 4.",
        elem_id=elem_id,
        allow_custom_value=True,
    )


def size(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """Sizes that the model draws well, or any other."""
    return gr.Dropdown(
        size_choices(card_of(library, "")),
        value=schema["default"],
        label="Size",
        elem_id=elem_id,
        allow_custom_value=True,
        info="Width × height in px; type any other, e.g. 320x192.",
    )
