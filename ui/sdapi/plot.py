"""A1111's script "X/Y/Z Plot" becomes our grid: axes by their place in its list, or by name.

The places are those of its list before 1.9, which its clients count by; `/script-info` tells them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from backend.contracts.axes import PROMPT_SR
from backend.contracts.errors import BadInput
from backend.contracts.requests import Request
from backend.contracts.settings import Settings, XyzGridSettings, parse
from backend.contracts.settings.grid import axis_fields
from ui.sdapi.payloads import PLOT, Drawing
from ui.sdapi.preparing import model_name, vae_name
from ui.server.foreign import as_list

_COMMON = ("Nothing", "Seed", "Var. seed", "Var. strength", "Steps")
_LATER = (
    *("Prompt S/R", "Prompt order", "Sampler", "Checkpoint name", "Sigma Churn", "Sigma min"),
    *("Sigma max", "Sigma noise", "Eta", "Clip skip", "Denoising"),
)
TXT2IMG = (*_COMMON, "Hires steps", "CFG Scale", *_LATER, "Hires upscaler", "VAE", "Styles")
IMG2IMG = (
    *(*_COMMON, "CFG Scale", "Image CFG Scale", *_LATER),
    *("Cond. Image Mask Weight", "VAE", "Styles"),
)
# Label, in lower case -> our field.
_FIELDS = {
    "seed": "seed",
    "var. seed": "variation_seed",
    "var. strength": "variation_strength",
    "steps": "steps",
    "hires steps": "hires_steps",
    "cfg scale": "guidance_scale",
    "prompt s/r": PROMPT_SR,
    "sampler": "sampler",
    "schedule type": "schedule",
    "checkpoint name": "model",
    "eta": "eta",
    "clip skip": "clip_skip",
    "hires upscaler": "hires_upscaler",
    "vae": "vae",
}
_PER_AXIS = 3  # its kind, its values as text, its values as a list


def is_plot(sent: Drawing) -> bool:
    """Whether a payload asks for it."""
    return (sent.script_name or "").strip().lower() == PLOT


def grid(request: Request, sent: Drawing, models: Collection[str]) -> Request:
    """The grid of a request.

    Args:
        request: What one cell would be.
        sent: The payload, with `script_args`.
        models: Names of the checkpoints.

    Raises:
        BadInput: An axis is not available here, or its values cannot be used.
    """
    settings = request.settings
    labels = IMG2IMG if settings.mode == "img2img" else TXT2IMG
    known = axis_fields(settings.mode)
    values: dict[str, Any] = {"base_mode": settings.mode}
    args = as_list(sent.script_args)
    for number, letter in enumerate("xyz"):
        kind, text, listed = (*args[_PER_AXIS * number :], None, None, None)[:_PER_AXIS]
        field = _field(kind, labels, settings.mode)
        if not field:
            continue
        if field not in known and field != PROMPT_SR:
            raise BadInput(f"'{kind}' cannot change in '{settings.mode}'.", "script_args")
        said = ", ".join(map(_quoted, as_list(listed))) if as_list(listed) else str(text or "")
        values |= {f"{letter}_field": field, f"{letter}_values": _spelled(field, said, models)}
    if len(values) == 1:
        raise BadInput("The plot has no axis; give one of X, Y and Z a type.", "script_args")
    plain = settings.model_copy(update={"batch_size": 1}).model_dump(mode="json")
    shared = set(Settings.model_fields)
    values |= {name: value for name, value in plain.items() if name in shared}
    values["base"] = {name: value for name, value in plain.items() if name not in shared}
    return Request(parse(XyzGridSettings.mode, values), request.images, save=request.save)


def includes_cells(sent: Drawing) -> bool:
    """Whether the cells are sent too, beside the grid itself."""
    args = as_list(sent.script_args)
    at = 3 * _PER_AXIS + 1  # behind the legend's switch
    return len(args) > at and str(args[at]).lower() == "true"


def _field(kind: Any, labels: tuple[str, ...], mode: str) -> str:
    if kind in (None, ""):
        return ""
    if isinstance(kind, bool) or not isinstance(kind, int | str):
        raise BadInput("An axis of the plot is its place in the list, or its name.", "script_args")
    if isinstance(kind, int):
        if not 0 <= kind < len(labels):
            raise BadInput(f"The plot has no axis number {kind}.", "script_args")
        kind = labels[kind]
    name = kind.strip().lower()
    if name in ("", "nothing"):
        return ""
    if name == "denoising":
        return "strength" if mode == "img2img" else "hires_denoise"
    if name not in _FIELDS:
        there = ", ".join(label for label in labels if label.lower() in {*_FIELDS, "denoising"})
        raise BadInput(
            f"The axis '{kind[:60]}' is not available here; use one of: {there}.", "script_args"
        )
    return _FIELDS[name]


def _spelled(field: str, text: str, models: Collection[str]) -> str:
    """Values as our axes read them."""
    if field == "model":
        return ", ".join(_quoted(model_name(part, models)) for part in _parts(text))
    if field == "vae":
        return ", ".join(_quoted(vae_name(part)) for part in _parts(text))
    return text


def _parts(text: str) -> list[str]:
    return [part.strip().strip('"') for part in text.split(",") if part.strip()]


def _quoted(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if "," in text or not text else text
