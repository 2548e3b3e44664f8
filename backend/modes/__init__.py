"""Modes: each composes models, sampling and control into one job. None has a loop of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.events import Output
from backend.contracts.requests import ModeRequest, Request
from backend.modes import (
    clip,
    img2img,
    lora_footprint,
    lora_mix,
    lora_pad,
    morph,
    style_transfer,
    train_lora,
    txt2img,
    upscale,
    xyz_grid,
)
from backend.modes.context import Context
from backend.modes.mode import Mode, PictureMode

PICTURES: Mapping[str, PictureMode[Any]] = {
    mode.name: mode
    for mode in (
        txt2img.MODE,
        img2img.MODE,
        style_transfer.MODE,
        lora_mix.MODE,
        morph.MODE,
        clip.MODE,
        upscale.MODE,
        lora_pad.MODE,
        lora_footprint.MODE,
    )
}


def run_alone(request: Request, context: Context) -> Iterator[Output]:
    """Draws one batch, or cell, in the mode that its settings belong to."""
    return _named(PICTURES, request.settings.mode).alone(request, context)


_OTHERS: tuple[Mode, ...] = (xyz_grid.GridMode(run_alone), train_lora.MODE)
MODES: Mapping[str, Mode] = {**PICTURES, **{mode.name: mode for mode in _OTHERS}}


def run_mode(request: ModeRequest, context: Context) -> Iterator[Output]:
    """Runs the mode that the settings belong to, once for each of the request's runs."""
    return _named(MODES, request.settings.mode).run(request, context)


def _named(modes: Mapping[str, Any], name: str) -> Any:
    found = modes.get(name)
    if found is None:
        raise BadInput(f"The mode '{name}' cannot run here; choose one of: {', '.join(modes)}.")
    return found
