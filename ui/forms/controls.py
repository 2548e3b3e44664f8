"""Which component stands for which settings field.

Titles, ranges, choices and hints are those of the settings model: a field is described once.
A control may stand for two fields (size: width and height); its `read` gives the fields' values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import gradio as gr
from pydantic import BaseModel

from backend.contracts.errors import BadInput
from backend.contracts.fields import title_of
from backend.contracts.library import Library, ModelEntry, UpscalerEntry
from backend.contracts.settings import MAX_DRAWN_SEED, Settings
from backend.contracts.settings.hires import LATENT
from backend.contracts.settings.upscale import LANCZOS
from backend.control.registry import ENTRIES

ENDS = tuple(f"prompt_{letter}" for letter in "abcd")
FRAME_NUMBERS = ("first_frame", "last_frame")  # of clips of any length: no slider reaches there
END_SEEDS = tuple(f"seed_{letter}" for letter in "abcd")
UPSCALERS = ("upscaler", "hires_upscaler")
HIRES_WAYS = [("latent space", LATENT), ("Lanczos, in pixels", LANCZOS)]
PROMPTS = "loom-says"  # the class of every field that the model reads
SIZES = ((1, 1), (3, 2), (2, 3), (4, 3), (3, 4), (16, 9), (9, 16))
_RGBA = re.compile(
    r"rgba?\((\d{1,3}(?:\.\d{1,9})?), ?(\d{1,3}(?:\.\d{1,9})?), ?(\d{1,3}(?:\.\d{1,9})?)"
)
MAX_WHOLE = 2**53 - 1  # of a browser's numbers
COLOURS = ("steer_colour",)
_SIZE = re.compile(r"\s*(\d{1,5})\s*[x×*]\s*(\d{1,5})\s*")

Values = dict[str, Any]
Part = gr.Dropdown | gr.Slider | gr.Number | gr.Textbox | gr.Checkbox | gr.HTML | gr.ColorPicker


@dataclass(frozen=True)
class Control:
    """One component of a form.

    Attributes:
        key: Its name among the form's controls.
        fields: The settings fields that it stands for.
        build: Makes the component from its key, field schema, library and element id.
        read: Component value -> the fields' values.
        write: The fields' values, library and model card -> component value.
    """

    key: str
    fields: tuple[str, ...]
    build: Callable[[str, dict[str, Any], Library, str], Part]
    read: Callable[[Any], Values]
    write: Callable[[Values, ModelEntry], Any]


@cache
def _schemas(settings: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The JSON schemas of all fields; pydantic works them out anew for each that is asked for."""
    return settings.model_json_schema()["properties"]


def field_schema(settings: type[BaseModel], field: str) -> dict[str, Any]:
    """The JSON schema of a field, its "or null" taken off."""
    schema = _schemas(settings)[field]
    merged = {key: value for key, value in schema.items() if key != "anyOf"}
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            merged |= option
    return merged | {"title": title_of(settings, field)}


def choices_of(schema: dict[str, Any]) -> list[tuple[str, str]]:
    """A dropdown's choices: how each is shown, and its value."""
    titles = schema.get("choices", {})
    return [(titles.get(str(name), str(name)), str(name)) for name in schema["enum"]]


def card_of(library: Library, model: str) -> ModelEntry:
    """What is known of a model, "" being the default one.

    Without a name and with the usual values where it is unknown.
    """
    return library.model(model or library.default_model) or ModelEntry("")


def model_choice(card: ModelEntry) -> tuple[str, str]:
    """A checkpoint in the dropdown: title, family and size; and its name."""
    size = card.bytes
    told = f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"
    facts = [card.title or card.name, card.family_title, told]
    return " · ".join(filter(None, facts)), card.name


def hint(schema: dict[str, Any]) -> str:
    """The field's sentence, with its range and unit."""
    text = str(schema.get("description", ""))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and schema.get("type") != "string" and high < 1e6:
        text += f" {low:g} to {high:g}{' ' + schema['unit'] if schema.get('unit') else ''}."
    return text


def _slider(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
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


def _steps(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """As far as is of use to the model; a script may ask for more."""
    most = min(schema["maximum"], card_of(library, "").can.usual_steps)
    return _slider(key, {**schema, "maximum": most}, library, elem_id)


def _choice(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    choices = choices_of(schema)
    return gr.Dropdown(
        choices,
        value=schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        filterable=False,
    )


def _named(schema: dict[str, Any], choices: list[tuple[str, str]], elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(
        choices,
        value=schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        filterable=False,
    )


def _sampler(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    choices = [(entry.title, name) for name, entry in library.samplers.items()]
    return _named(schema, choices, elem_id)


def _schedule(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    """Every one that some sampler has; the form leaves the chosen sampler's."""
    every = dict.fromkeys(s for entry in library.samplers.values() for s in entry.schedules)
    titles = schema.get("choices", {})
    return _named(schema, [(titles.get(name, name), name) for name in every], elem_id)


def _number(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.Number(
        schema["default"],
        precision=0,
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        minimum=schema["minimum"],
    )


def _text(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.Textbox(
        schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        lines=2,
        max_lines=12,
        elem_classes=PROMPTS,
    )


def _prompt(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
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


def _check(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.Checkbox(schema["default"], label=schema["title"], info=hint(schema), elem_id=elem_id)


def _line(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.Textbox(
        schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        placeholder="e.g. 0.3, 0.5, 0.7, 0.9",
        max_lines=1,
    )


def _colour(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.ColorPicker(
        schema["default"], label=schema["title"], info=hint(schema), elem_id=elem_id
    )


def _read_colour(field: str, value: Any) -> Values:
    """The picker says rgba(...) of what was picked, and #rrggbb of what it was given."""
    numbers = _RGBA.match(str(value))
    if numbers is None:
        return {field: value}
    channels = (min(255, round(float(number))) for number in numbers.groups())
    return {field: "#" + "".join(f"{channel:02x}" for channel in channels)}


def _size(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.Dropdown(
        size_choices(card_of(library, "")),
        value=schema["default"],
        label="Size",
        elem_id=elem_id,
        allow_custom_value=True,
        info="Width × height in px; type any other, e.g. 320x192.",
    )


def size_choices(card: ModelEntry) -> list[tuple[str, str]]:
    """Sizes with about the native number of pixels, in steps of 64 px (less for small models)."""
    width, height = card.native_size
    wished = 64 if width >= 512 else 32 if width >= 128 else 1
    unit = -(-wished // card.sizes.step_px) * card.sizes.step_px
    pixels = width * height
    choices = [(f"{width} × {height}, native", "native")]
    for across, down in SIZES[1:]:
        w = max(unit, round((pixels * across / down) ** 0.5 / unit) * unit)
        h = max(unit, round((pixels * down / across) ** 0.5 / unit) * unit)
        choices.append((f"{w} × {h}  ({across}:{down})", f"{w}x{h}"))
    return choices


def _controlnet(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.Dropdown(
        controlnet_choices(library),
        value=schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        filterable=False,
    )


def controlnet_choices(library: Library) -> list[tuple[str, str]]:
    """The one that fits, and those that can be used."""
    names = [net.name for net in library.controlnets if not net.problem]
    return [("the one that fits", ""), *((name, name) for name in names)]


def _vae(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.Dropdown(
        vae_choices(library),
        value=schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        filterable=False,
    )


def vae_choices(library: Library) -> list[tuple[str, str]]:
    """The checkpoint's own autoencoder, and the separate ones that can be used."""
    names = [vae.name for vae in library.vaes if not vae.problem]
    return [("the model's own", ""), *((name, name) for name in names)]


def _upscaler(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.Dropdown(
        upscaler_choices(key, library),
        value=schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        filterable=False,
    )


def upscaler_choices(field: str, library: Library) -> list[tuple[str, str]]:
    """What needs no file, and the upscalers that can be used; diffusion models in their tab."""
    own = [("Lanczos", LANCZOS)] if field == "upscaler" else HIRES_WAYS
    there = [(_upscaler_title(one), one.name) for one in library.upscalers if not one.problem]
    if field == "upscaler":
        names = {name for _, name in there}
        there += [
            (_enlarger_title(one), one.name)
            for one in library.models
            if one.can.enlarges is not None and not one.problem and one.name not in names
        ]
    return [*own, *there]


def _enlarger_title(entry: ModelEntry) -> str:
    assert entry.can.enlarges is not None
    told = f"{entry.can.enlarges.factor}x diffusion"
    return " · ".join(filter(None, (entry.title or entry.name, entry.family_title, told)))


def _upscaler_title(entry: UpscalerEntry) -> str:
    scale = f"{entry.scale}x" if entry.scale else ""
    return " · ".join(filter(None, (entry.name, entry.architecture, scale)))


def detector_choices(library: Library) -> list[tuple[str, str]]:
    """Only what is installed: another detector's picture would mean nothing to the ControlNets."""
    known = {name for net in library.controlnets for name in net.detectors}
    return [
        (entry.title, entry.name)
        for entry in ENTRIES
        if entry.name in {"canny", "identity"} | known
    ]


def _detector(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    return gr.Dropdown(
        detector_choices(library),
        value=schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        filterable=False,
    )


def _read_size(value: Any) -> Values:
    if value in (None, "", "native"):
        return {"width": None, "height": None}
    match = _SIZE.fullmatch(str(value))
    if match is None:
        raise BadInput("Size is written as width x height, e.g. 320x192.", "size")
    return {"width": int(match[1]), "height": int(match[2])}


def _write_size(values: Values, card: ModelEntry) -> str:
    width, height = values.get("width"), values.get("height")
    if not card.name and None in (width, height):
        return "native"  # whatever that will be
    size = width or card.native_size[0], height or card.native_size[1]
    return "native" if card.name and size == card.native_size else f"{size[0]}x{size[1]}"


def _method(key: str, schema: dict[str, Any], library: Library, elem_id: str) -> Part:
    choices = [("what fits", ""), *choices_of(schema)]
    return gr.Dropdown(
        choices,
        value=schema["default"],
        label=schema["title"],
        info=hint(schema),
        elem_id=elem_id,
        filterable=False,
    )


def _read_strengths(value: Any) -> Values:
    try:
        return {
            "strengths": [
                float(part)
                for part in str(value or "").replace(";", ",").split(",")
                if part.strip()
            ]
        }
    except ValueError:
        raise BadInput(
            "Strengths are numbers with commas between, e.g. 0.3, 0.5, 0.7.", "strengths"
        ) from None


def _write_strengths(values: Values, card: ModelEntry) -> str:
    return ", ".join(f"{strength:g}" for strength in values.get("strengths", ()))


def _write_guidance(values: Values, card: ModelEntry) -> float:
    value = values.get("guidance_scale")
    return card.guidance_scale if value is None else value


def _kept(field: str, values: Values, card: ModelEntry) -> Any:
    return values.get(field)


SIZE = Control("size", ("width", "height"), _size, _read_size, _write_size)
CONTROLNET = Control(
    "controlnet",
    ("controlnet",),
    _controlnet,
    lambda value: {"controlnet": value or None},
    lambda values, card: values.get("controlnet") or "",
)
METHOD = Control(
    "method",
    ("method",),
    _method,
    lambda value: {"method": value or None},
    lambda values, card: values.get("method") or "",
)
STRENGTHS = Control("strengths", ("strengths",), _line, _read_strengths, _write_strengths)


def control_for(settings: type[Settings], field: str) -> Control:
    """The control that stands for a field of a mode's settings."""
    if field in SIZE.fields:
        return SIZE
    if field == "controlnet":
        return CONTROLNET
    if field == "strengths":
        return STRENGTHS
    if field == "method":
        return METHOD
    if field in COLOURS:
        return Control(
            field, (field,), _colour, partial(_read_colour, field), partial(_kept, field)
        )
    schema = field_schema(settings, field)
    if (field.startswith("prompt") and field != "prompt_mix") or field == "negative_prompt":
        build = _text if field in ENDS else _prompt
    elif field == "detector":
        build = _detector
    elif field == "vae":
        build = _vae
    elif field == "steps":
        build = _steps
    elif field == "sampler":
        build = _sampler
    elif field == "schedule":
        build = _schedule
    elif field in UPSCALERS:
        build = _upscaler
    elif "enum" in schema:
        build = _choice
    elif schema.get("type") == "boolean":
        build = _check
    elif field.endswith("seed") or field in END_SEEDS or field in FRAME_NUMBERS:
        build = _number
    elif schema.get("type") in ("integer", "number"):
        build = _slider
    else:
        build = _text
    default = schema.get("default")

    def write(values: Values, card: ModelEntry) -> Any:
        value = values.get(field, default)
        if build is _number and value is not None and value > MAX_WHOLE:
            return value % (MAX_DRAWN_SEED + 1)  # the same picture, in digits that a browser keeps
        return value

    shown = _write_guidance if field == "guidance_scale" else write
    return Control(field, (field,), build, lambda value: {field: value}, shown)
