"""img2img of its own result, loop after loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from backend.contracts.events import Output, Pixels
from backend.contracts.settings.loopback import LoopbackSettings
from backend.modes import img2img, record
from backend.modes.context import Context
from backend.modes.leasing import Held, Needs
from backend.modes.mode import PictureMode, Task
from backend.modes.run import conduct
from backend.modes.stage import stage_of
from backend.pictures import canvas


def run(request: Task[LoopbackSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `LoopbackSettings` and the picture "image".
        context: The job's surroundings.

    Yields:
        One `Output` a loop; its record makes the loops up to it again.

    Raises:
        BadInput: Picture and settings do not belong together.
    """
    return conduct(Needs.of(request.settings), context, partial(_drawn, request, context))


def _drawn(request: Task[LoopbackSettings], context: Context, held: Held) -> Iterator[Output]:
    settings = request.settings
    given = record.input_facts(request.images)
    source: Pixels = request.images["image"]
    for number in range(settings.loops):
        alone = settings.loop(number)
        context.steps.batch(number, settings.loops)
        picture = canvas.prepare(alone, source)
        stage = stage_of(alone, held.model, context)
        for output in img2img.drawn(Task(alone, {"image": source}), picture, stage):
            made = replace(
                output.record,
                mode=settings.mode,
                settings=settings.until(number).model_dump(mode="json"),
                extra=output.record.extra | given | {"loop": number + 1},
            )
            yield replace(output, index=number, record=made)
            source = output.image


MODE = PictureMode(LoopbackSettings, run)
