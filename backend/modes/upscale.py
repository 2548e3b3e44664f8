"""A picture made larger: enlarged as `one_pass` does it, and drawn again at the size (SDEdit)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.events import Output, Pixels, Progress, Record
from backend.contracts.settings import UpscaleSettings
from backend.contracts.settings.upscale import LANCZOS
from backend.models.manager import ModelManager
from backend.models.upscaler.upscaler import KEY
from backend.modes import hires, record
from backend.modes.context import Context
from backend.modes.leasing import leased
from backend.modes.mode import PictureMode, Task
from backend.modes.one_pass import enlarged
from backend.modes.stage import stage_of


def run(request: Task[UpscaleSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `UpscaleSettings` and the picture "image"; `branch` goes on from a
            stored step of the drawing again.
        context: The job's surroundings.

    Yields:
        One `Output` a picture; of a comparison, the ways in their order.
    """
    settings, source = request.settings, request.images["image"]
    given = record.input_facts(request.images)
    made = 0
    larger: dict[str, Pixels] = {}
    for place, way in enumerate(settings.variants):
        told = given | ({"compared": way.label} if settings.compare else {})
        alone = settings.alone(place)
        if way.upscaler not in larger and request.branch is None:
            larger[way.upscaler] = enlarged(
                source, settings.drawn_size, way.upscaler, context, settings.tile
            )
        if alone.redraws and way.upscaler != LANCZOS:
            told = told | {"upscaler_hash": _hash(way.upscaler, context)}
        if alone.redraws:
            task = replace(request, settings=alone)
            outputs = _redrawn(task, larger.get(way.upscaler), told, context)
        else:
            outputs = iter([_plain(alone, larger[way.upscaler], told, context)])
        for output in outputs:
            yield replace(output, index=made)
            made += 1


def _plain(
    settings: UpscaleSettings, picture: Pixels, told: dict[str, Any], context: Context
) -> Output:
    """What was enlarged, as it is; the upscaler stands where records name the model."""
    own = settings.upscaler == LANCZOS
    model = {
        "name": "Lanczos" if own else settings.upscaler,
        "hash": "" if own else _hash(settings.upscaler, context),
    }
    alone = settings.model_copy(update={"batch_size": 1, "model": ""})
    return Output(0, picture, Record(alone.mode, alone.model_dump(mode="json"), model, told))


def _hash(upscaler: str, context: Context) -> str:
    """Of its file; it is in the cache from its run."""
    models: ModelManager[Any] = context.models
    with models.lease(KEY + upscaler) as found:
        return found.hash


def _redrawn(
    request: Task[UpscaleSettings], larger: Pixels | None, told: dict[str, Any], context: Context
) -> Iterator[Output]:
    """The enlarged picture drawn again, or the drawing gone on with from a stored step."""
    settings = request.settings
    context.report(Progress("loading", note=f"Loading {settings.model}"))
    with leased(context.models, settings) as model:
        stage = stage_of(settings.redrawing, model, context)
        if request.branch is not None:
            drawn = hires.branched_from(request.branch, stage)
        elif larger is not None:
            drawn = hires.drawn_again(stage, larger)
        else:
            raise BadInput("There is no picture yet; add the one to enlarge.", "image")
        context.report(Progress("decoding"))
        if settings.acting_loras:
            told = told | {"lora_hashes": drawn.hashes}
        yield from record.outputs(stage_of(settings, model, context), drawn.latents, told)


MODE = PictureMode(UpscaleSettings, run)
