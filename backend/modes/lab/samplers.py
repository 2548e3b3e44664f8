"""One seed by several samplers and numbers of steps, each against a run of many steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

import numpy as np

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.lab.samplers import REFERENCE, Cell, Compared, SamplersSettings
from backend.modes import txt2img
from backend.modes.context import Context, Frames
from backend.modes.mode import PictureMode, Task
from backend.pictures.difference import psnr
from backend.sampling.samplers import model_calls


def run(request: Task[SamplersSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `SamplersSettings`.
        context: The job's surroundings.

    Yields:
        The run of many steps, then a picture for each cell of the table; after each the job tells
        the distances so far.
    """
    settings = request.settings
    cells = settings.cells
    total = sum(cell.steps for cell in cells)
    size = settings.drawn_size
    told = Compared(REFERENCE, settings.reference_steps)
    aim: Pixels | None = None
    context.report(Progress("loading", total=total, note=f"Loading {settings.model}"))
    for index, cell in enumerate(cells):
        context.steps.sheet(_as_it_is, (size, 1), total)
        (output,) = txt2img.run(Task(cell, {}), context)
        if aim is None:
            aim = output.image
        else:
            far = float(np.abs(output.image.astype(np.float64) - aim).mean())
            near = psnr(output.image, aim)
            calls = model_calls(cell.sampler, cell.steps)
            row = Cell(cell.sampler, cell.steps, calls, round(far, 3), near)
            told = replace(told, cells=(*told.cells, row))
        context.inform({"lab": asdict(told)})
        label = f"{cell.sampler}, {cell.steps} steps"
        record = replace(output.record, extra=output.record.extra | {"compared": label})
        yield replace(output, index=index, record=record)


def _as_it_is(frames: Frames) -> Frames:
    return frames


MODE = PictureMode(SamplersSettings, run)
