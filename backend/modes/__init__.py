"""Modes: each composes models, sampling and control into one job. None has a loop of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from backend.contracts.errors import BadInput
from backend.contracts.events import Output
from backend.contracts.requests import ModeRequest, Request, ResolvedRequest, TrainLoraRequest
from backend.modes import (
    img2img,
    lora_footprint,
    lora_mix,
    lora_pad,
    morph,
    style_transfer,
    train_lora,
    txt2img,
    xyz_grid,
)
from backend.modes.context import Context

RUNS: Mapping[str, Callable[[Request, Context], Iterator[Output]]] = {
    "txt2img": txt2img.run,
    "img2img": img2img.run,
    "style_transfer": style_transfer.run,
    "lora_mix": lora_mix.run,
    "morph": morph.run,
    "lora_pad": lora_pad.run,
    "lora_footprint": lora_footprint.run,
}


def run_mode(request: ModeRequest, context: Context) -> Iterator[Output]:
    """Runs the mode that the settings belong to, once for each of the request's runs."""
    if isinstance(request, TrainLoraRequest):
        return train_lora.run(request, context)
    if request.settings.mode == "xyz_grid":
        return xyz_grid.run(request, context, run_alone)
    if len(request.runs) == 1:
        return run_alone(request.single(request.runs[0]), context)
    return _batches(request, context)


def run_alone(request: Request, context: Context) -> Iterator[Output]:
    """Runs one batch."""
    mode = request.settings.mode
    run = RUNS.get(mode)
    if run is None:
        raise BadInput(f"The mode '{mode}' cannot run here; choose one of: {', '.join(RUNS)}.")
    return run(request, context)


def _batches(request: ResolvedRequest, context: Context) -> Iterator[Output]:
    """One batch after the other; a stop keeps those that are done."""
    made = 0
    for number, settings in enumerate(request.runs):
        context.steps.batch(number, len(request.runs))
        first = made
        for output in run_alone(request.single(settings), context):
            made += 1
            yield replace(output, index=first + output.index)
