"""Which component stands for which settings field.

Titles, ranges, choices and hints are those of the settings model: a field is described once.
A control may stand for two fields (size: width and height); its `read` gives the fields' values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.library import Library, ModelEntry
from backend.contracts.settings import MAX_DRAWN_SEED, Settings
from ui.forms import parts
from ui.forms.choices import UPSCALERS
from ui.forms.parts import Part
from ui.server.schema import field_schema

ENDS = tuple(f"prompt_{letter}" for letter in "abcd")
FRAME_NUMBERS = ("first_frame", "last_frame")  # of clips of any length: no slider reaches there
END_SEEDS = tuple(f"seed_{letter}" for letter in "abcd")
_RGBA = re.compile(
    r"rgba?\((\d{1,3}(?:\.\d{1,9})?), ?(\d{1,3}(?:\.\d{1,9})?), ?(\d{1,3}(?:\.\d{1,9})?)"
)
MAX_WHOLE = 2**53 - 1  # of a browser's numbers
COLOURS = ("steer_colour",)
_SIZE = re.compile(r"\s*(\d{1,5})\s*[x×*]\s*(\d{1,5})\s*")

Values = dict[str, Any]


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


def _read_colour(field: str, value: Any) -> Values:
    """The picker says rgba(...) of what was picked, and #rrggbb of what it was given."""
    numbers = _RGBA.match(str(value))
    if numbers is None:
        return {field: value}
    channels = (min(255, round(float(number))) for number in numbers.groups())
    return {field: "#" + "".join(f"{channel:02x}" for channel in channels)}


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


def _read_scale(value: Any) -> Values:
    text = str(value if value is not None else "").strip().lower().rstrip("x×* ")
    if text in ("", "off"):
        return {"hires_scale": 1.0}
    try:
        return {"hires_scale": float(text.replace(",", "."))}
    except ValueError:
        raise BadInput("Hires is off, or a factor like 1.5 or 2.", "hires_scale") from None


def _write_scale(values: Values, card: ModelEntry) -> str:
    scale = values.get("hires_scale") or 1.0
    return f"{scale:g}" if scale > 1 else "off"


def _write_strengths(values: Values, card: ModelEntry) -> str:
    return ", ".join(f"{strength:g}" for strength in values.get("strengths", ()))


def _write_guidance(values: Values, card: ModelEntry) -> float:
    value = values.get("guidance_scale")
    return card.guidance_scale if value is None else value


def _kept(field: str, values: Values, card: ModelEntry) -> Any:
    return values.get(field)


SIZE = Control("size", ("width", "height"), parts.size, _read_size, _write_size)
CONTROLNET = Control(
    "controlnet",
    ("controlnet",),
    parts.controlnet,
    lambda value: {"controlnet": value or None},
    lambda values, card: values.get("controlnet") or "",
)
METHOD = Control(
    "method",
    ("method",),
    parts.method,
    lambda value: {"method": value or None},
    lambda values, card: values.get("method") or "",
)
HIRES = Control("hires_scale", ("hires_scale",), parts.enlarging, _read_scale, _write_scale)
STRENGTHS = Control("strengths", ("strengths",), parts.line, _read_strengths, _write_strengths)


def control_for(settings: type[Settings], field: str) -> Control:
    """The control that stands for a field of a mode's settings."""
    if field in SIZE.fields:
        return SIZE
    if field == "controlnet":
        return CONTROLNET
    if field == "strengths":
        return STRENGTHS
    if field == "hires_scale":
        return HIRES
    if field == "method":
        return METHOD
    if field in COLOURS:
        return Control(
            field, (field,), parts.colour, partial(_read_colour, field), partial(_kept, field)
        )
    schema = field_schema(settings, field)
    if (field.startswith("prompt") and field != "prompt_mix") or field == "negative_prompt":
        build = parts.text if field in ENDS else parts.prompt
    elif field == "detector":
        build = parts.detector
    elif field == "vae":
        build = parts.vae
    elif field == "reference_adapter":
        build = parts.adapter
    elif field == "steps":
        build = parts.steps
    elif field == "sampler":
        build = parts.sampler
    elif field == "schedule":
        build = parts.schedule
    elif field in UPSCALERS:
        build = parts.upscaler
    elif "enum" in schema:
        build = parts.choice
    elif schema.get("type") == "boolean":
        build = parts.check
    elif field.endswith("seed") or field in END_SEEDS or field in FRAME_NUMBERS:
        build = parts.number
    elif schema.get("type") in ("integer", "number"):
        build = parts.slider
    else:
        build = parts.text
    default = schema.get("default")

    def write(values: Values, card: ModelEntry) -> Any:
        value = values.get(field, default)
        if build is parts.number and value is not None and value > MAX_WHOLE:
            return value % (MAX_DRAWN_SEED + 1)  # the same picture, in digits that a browser keeps
        return value

    shown = _write_guidance if field == "guidance_scale" else write
    return Control(field, (field,), build, lambda value: {field: value}, shown)
