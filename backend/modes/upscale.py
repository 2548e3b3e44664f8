"""A picture made larger, as `one_pass` or `diffused` does it, and drawn again there (SDEdit)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from backend.contracts.errors import BadInput
from backend.contracts.events import Output, Progress, Record
from backend.contracts.settings import EnlargingStage, UpscaleSettings
from backend.contracts.settings.upscale import LANCZOS
from backend.modes import hires, record
from backend.modes.context import Context
from backend.modes.diffused import Larger, diffused
from backend.modes.leasing import Held, Needs, UpscalerNeeded
from backend.modes.mode import PictureMode, Task
from backend.modes.one_pass import enlarged
from backend.modes.run import conduct, using
from backend.modes.stage import stage_of
from backend.modes.start import seeds, variation_seeds


def run(request: Task[UpscaleSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `UpscaleSettings` and the picture "image"; `branch` goes on from a
            stored step of the drawing again.
        context: The job's surroundings.

    Yields:
        One `Output` a picture; of a comparison, the ways in their order.
    """
    settings = request.settings
    given = record.input_facts(request.images)
    made = 0
    larger: dict[str, Larger] = {}
    late = _begins_late(request, context)  # only a drawing again is gone on with
    for place, way in enumerate(settings.variants):
        told = given | ({"compared": way.label} if settings.compare else {})
        task = replace(request, settings=settings.alone(place))
        fresh = way.upscaler not in larger
        if fresh and not late:
            larger[way.upscaler] = _larger(task, context)
        found = larger.get(way.upscaler)
        if not task.settings.redraws:
            assert found is not None
            outputs = _plain(task.settings, found, told)
        else:
            if way.upscaler != LANCZOS:
                own = _hash(task.settings, context) if found is None else found.hash
                told = told | {"upscaler_hash": own}
            continues = fresh and way.diffuses
            outputs = _redrawn(task, found, told, context, continues=continues)
        for output in outputs:
            yield replace(output, index=made)
            made += 1


def _begins_late(request: Task[UpscaleSettings], context: Context) -> bool:
    """Whether it branches from a step of the drawing again, so that the enlarging is done."""
    if request.branch is None:
        return False
    past = context.branches.load(request.branch.token, request.branch.step)
    return not isinstance(past.settings, EnlargingStage)


def _larger(request: Task[UpscaleSettings], context: Context) -> Larger:
    """The picture enlarged, once or for each of the batch."""
    settings, source = request.settings, request.images["image"]
    if settings.diffuses:
        return diffused(settings, source, context, request.branch)
    picture = enlarged(source, settings.drawn_size, settings.upscaler, context, settings.tile)
    own = "" if settings.upscaler == LANCZOS else _hash(settings, context)
    return Larger((picture,), own, {})


def _plain(
    settings: UpscaleSettings, larger: Larger, told: Mapping[str, object]
) -> Iterator[Output]:
    """What was enlarged, as it is; the upscaler stands where records name the model."""
    name = "Lanczos" if settings.upscaler == LANCZOS else settings.upscaler
    model = {"name": name, "hash": larger.hash}
    own, varied = seeds(settings), variation_seeds(settings)
    for index, picture in enumerate(larger.pictures):
        alone = settings.model_copy(
            update={
                "batch_size": 1,
                "model": "",
                "seed": own[index],
                "variation_seed": varied[index],
            }
        )
        values = alone.model_dump(mode="json")
        yield Output(index, picture, Record(alone.mode, values, model, {**larger.facts, **told}))


def _hash(settings: UpscaleSettings, context: Context) -> str:
    """Of the upscaler's file."""
    if settings.diffuses:
        return using(Needs(settings.upscaler), context, lambda held: held.model.hash)
    return using(UpscalerNeeded(settings.upscaler), context, lambda found: found.hash)


def _redrawn(
    request: Task[UpscaleSettings],
    larger: Larger | None,
    told: Mapping[str, object],
    context: Context,
    *,
    continues: bool,
) -> Iterator[Output]:
    """The enlarged picture drawn again, or the drawing gone on with from a stored step."""
    settings = request.settings

    def draw(held: Held) -> Iterator[Output]:
        stage = stage_of(settings.redrawing, held.model, context)
        if larger is not None:
            drawn = hires.drawn_again(stage, larger.pictures, continues=continues)
        elif request.branch is not None:
            drawn = hires.branched_from(request.branch, stage)
        else:
            raise BadInput("There is no picture yet; add the one to enlarge.", "image")
        context.report(Progress("decoding"))
        hashes = {"lora_hashes": drawn.hashes} if settings.acting_loras else {}
        final = stage_of(settings, held.model, context)
        yield from record.outputs(final, drawn.latents, {**told, **hashes})

    return conduct(Needs.of(settings), context, draw)


MODE = PictureMode(UpscaleSettings, run)
