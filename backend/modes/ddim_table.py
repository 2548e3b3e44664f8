"""The DDIM experiment (2010.02502, sec. 5.1): eta 0, eta 1 and sigma hat, by numbers of steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from backend.contracts.events import Output, Pixels, Progress, Record
from backend.contracts.settings.ddim_table import PUBLISHED, WAYS, DdimTableSettings
from backend.modes import txt2img
from backend.modes.context import Context, Frames
from backend.modes.mode import PictureMode, Task
from backend.pictures.caption import captioned
from backend.pictures.sheet import Sheet

PREVIEW_PX = 512
READABLE_PX = 160  # what is written below a picture of 32 px would be cut off


def run(request: Task[DdimTableSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `DdimTableSettings`.
        context: The job's surroundings.

    Yields:
        One `Output` a picture, row by row; at last the table, with each picture's distance from
        that of eta 0 after the most steps.
    """
    settings = request.settings
    cells = settings.cells
    sheet = _sheet(settings)
    made: list[Output] = []
    total = sum(cell.steps for cell in cells)
    preview_px = sheet.draw({}, PREVIEW_PX).shape[1::-1]
    context.report(Progress("loading", total=total, note=f"Loading {settings.model}"))
    for place, cell in enumerate(cells):
        pictures = [output.image for output in made]
        context.steps.sheet(
            partial(_preview, sheet, settings.drawn_size, pictures), (preview_px, 1), total
        )
        (output,) = txt2img.run(Task(cell, request.images), context)
        label = f"{WAYS[place // len(settings.counts)].label}, {cell.steps} steps"
        record = replace(output.record, extra=output.record.extra | {"compared": label})
        made.append(replace(output, index=place, record=record))
        yield made[-1]
    yield _table(settings, made)


def distances(settings: DdimTableSettings, pictures: Sequence[Pixels]) -> list[float]:
    """Mean difference of each picture from that of eta 0 after the most steps, 0..255."""
    aim = pictures[len(settings.counts) - 1].astype(np.float64)
    return [float(np.abs(picture - aim).mean()) for picture in pictures]


def _shown(picture: Pixels) -> Pixels:
    """A picture as large as it stands in the table: small ones by whole pixels."""
    times = max(1, -(-READABLE_PX // min(picture.shape[:2])))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _sheet(settings: DdimTableSettings) -> Sheet:
    width, height = settings.drawn_size
    blank = captioned(_shown(np.zeros((height, width, 3), np.uint8)), [""] * 2)
    columns = tuple(f"{steps} steps" for steps in settings.counts)
    return Sheet(columns, tuple(way.label for way in WAYS), ("",), blank.shape[1::-1])


def _preview(
    sheet: Sheet, size_px: tuple[int, int], done: Sequence[Pixels], frames: Frames
) -> Frames:
    """The pictures that are done, and the one that forms as large as they are, (1, H, W, 3)."""
    forms = [np.asarray(Image.fromarray(frame).resize(size_px)) for frame in frames]
    shown = dict(enumerate(_shown(picture) for picture in (*done, *forms)))
    return sheet.draw(shown, PREVIEW_PX)[None]


def _table(settings: DdimTableSettings, made: Sequence[Output]) -> Output:
    pictures = [output.image for output in made]
    found = distances(settings, pictures)
    cells: dict[int, Pixels] = {}
    for place, (picture, far) in enumerate(zip(pictures, found, strict=True)):
        row, column = divmod(place, len(settings.counts))
        fid = PUBLISHED.get(settings.counts[column], (None,) * len(WAYS))[row]
        lines = [f"{far:.1f}", "" if fid is None else f"FID {fid:.2f} published"]
        cells[place] = captioned(_shown(picture), lines)
    last = made[-1].record
    values = settings.model_dump(mode="json")
    extra = {key: value for key, value in last.extra.items() if key != "compared"}
    extra |= {"distances": [round(far, 3) for far in found], "compared": "the whole table"}
    picture = np.ascontiguousarray(_sheet(settings).draw(cells))
    return Output(len(made), picture, Record(settings.mode, values, last.model, extra))


MODE = PictureMode(DdimTableSettings, run)
