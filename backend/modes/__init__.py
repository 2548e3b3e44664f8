"""Modes: each composes models, sampling and control into one job. None has a loop of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from backend.contracts.errors import BadInput
from backend.contracts.events import Output
from backend.contracts.requests import ModeRequest, Request, TrainLoraRequest
from backend.contracts.settings import XyzGridSettings
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
from backend.storage.wildcards import has_wildcards

RUNS: Mapping[str, Callable[[Request, Context], Iterator[Output]]] = {
    "txt2img": txt2img.run,
    "img2img": img2img.run,
    "style_transfer": style_transfer.run,
    "lora_mix": lora_mix.run,
    "morph": morph.run,
    "lora_pad": lora_pad.run,
    "lora_footprint": lora_footprint.run,
}
CHECKS: Mapping[str, Callable[[Request], None]] = {
    "style_transfer": style_transfer.check,
    "morph": morph.check,
}


def check_mode(request: Request) -> None:
    """Refuses, with a sentence, what the mode of the request could not run."""
    if isinstance(request.settings, XyzGridSettings):
        for cell in request.settings.cells():
            check_mode(replace(request, settings=cell))
    elif (check := CHECKS.get(request.settings.mode)) is not None:
        check(request)


def run_mode(request: ModeRequest, context: Context) -> Iterator[Output]:
    """Runs the mode that the settings belong to, once for each batch."""
    if isinstance(request, TrainLoraRequest):
        return train_lora.run(request, context)
    mode = request.settings.mode
    if mode == "xyz_grid":
        return xyz_grid.run(request, context, run_mode)
    run = RUNS.get(mode)
    if run is None:
        raise BadInput(f"The mode '{mode}' cannot run here; choose one of: {', '.join(RUNS)}.")
    return (
        run(request, context)
        if request.settings.batch_count == 1
        else _batches(run, request, context)
    )


def _batches(
    run: Callable[[Request, Context], Iterator[Output]], request: Request, context: Context
) -> Iterator[Output]:
    """One batch after the other; a stop keeps those that are done."""
    made = 0
    for number in range(request.settings.batch_count):
        context.steps.batch(number, request.settings.batch_count)
        settings = request.settings.batch(number)
        if has_wildcards(settings):
            settings = context.prepare(settings)  # drawn by this batch's seed
        first = made
        for output in run(replace(request, settings=settings), context):
            made += 1
            yield replace(output, index=first + output.index)
