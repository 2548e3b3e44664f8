"""A table of the stand-in: more steps are nearer, whatever the sampler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from backend.contracts.lab.samplers import Cell, Compared, SamplersSettings
from backend.contracts.requests import Request
from backend.engine.fake import picture as fake_picture
from backend.engine.fake.lab.latents import coarse
from backend.engine.fake.lab.seen import Seen, shown
from backend.pictures.difference import psnr


def look(request: Request) -> Iterator[Seen]:
    """The run of many steps, then cell by cell."""
    settings = request.settings
    assert isinstance(settings, SamplersSettings)
    first, *cells = settings.cells
    aim = fake_picture.draw(settings.prompt, settings.seed, *settings.drawn_size)
    told = Compared(first.sampler, first.steps)
    yield Seen((shown(settings, 0, aim),), told)
    for index, cell in enumerate(cells, start=1):
        image = coarse(aim, 1 + 32 // (cell.steps + 1))
        far = float(np.abs(image.astype(float) - aim).mean())
        row = Cell(cell.sampler, cell.steps, cell.steps, round(far, 3), psnr(image, aim))
        told = replace(told, cells=(*told.cells, row))
        yield Seen((shown(settings, index, image),), told)
