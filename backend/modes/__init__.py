"""Modes: each composes models, sampling and control into one job. None has a loop of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from backend.errors import BadInput
from backend.events import Output
from backend.modes import img2img, lora_mix, morph, style_transfer, txt2img
from backend.modes.context import Context
from backend.requests import Request

RUNS: Mapping[str, Callable[[Request, Context], Iterator[Output]]] = {
    "txt2img": txt2img.run,
    "img2img": img2img.run,
    "style_transfer": style_transfer.run,
    "lora_mix": lora_mix.run,
    "morph": morph.run,
}
CHECKS: Mapping[str, Callable[[Request], None]] = {
    "style_transfer": style_transfer.check,
    "morph": morph.check,
}


def check_mode(request: Request) -> None:
    """Refuses, with a sentence, what the mode of the request could not run."""
    if (check := CHECKS.get(request.settings.mode)) is not None:
        check(request)


def run_mode(request: Request, context: Context) -> Iterator[Output]:
    """Runs the mode that the settings belong to."""
    mode = request.settings.mode
    run = RUNS.get(mode)
    if run is None:
        raise BadInput(f"The mode '{mode}' cannot run here; choose one of: {', '.join(RUNS)}.")
    return run(request, context)
