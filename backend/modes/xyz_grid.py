"""A grid of pictures over the values of up to three settings, as one job.

Each cell is a run of its base mode, so that its record makes it again. What cells have in common
is worked out once: embeddings and posteriors are kept by their caches, and cells that differ in
nothing but seeds that follow each other are one batch of the base mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.contracts.errors import Cancelled
from backend.contracts.events import Output, Pixels, Progress, Record
from backend.contracts.requests import ModeRequest, Request, ResolvedRequest
from backend.contracts.settings import Settings, XyzGridSettings, steps_of
from backend.modes import limits
from backend.modes.context import Context, Frames
from backend.modes.leasing import Held, Needs
from backend.modes.run import using
from backend.pictures.sheet import Sheet

SHARED_FACTS = {
    "studio",
    "torch",
    "diffusers",
    "device",
    "hardware",
    "dtype",
    "threads",
    "compile",
    "vae_hash",
    "part_hashes",
}
TOGETHER = 4  # cells in a batch: more is hardly faster on a CPU, and the first ones come later

RunMode = Callable[[Request, Context], Iterator[Output]]


def run(request: ResolvedRequest, context: Context, run_mode: RunMode) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With `XyzGridSettings`, a run for each cell, and the pictures of the base mode.
        context: The job's surroundings.
        run_mode: Runs the base mode.

    Yields:
        One `Output` a cell, x fastest, then y, then z; at last the sheet. A run that is stopped
        still yields the sheet of the cells that are done.
    """
    settings = request.settings
    assert isinstance(settings, XyzGridSettings)
    cells = request.runs
    sheet = Sheet.of(settings, cells)
    done: dict[int, Pixels] = {}
    record: Record | None = None
    steps = steps_of(settings)
    context.inform({"grid": sheet.lying})
    context.report(Progress("loading", total=steps, note=f"Loading {settings.model}"))
    try:
        groups = _groups(cells, _room(cells[0], context))
        together = [
            cells[places[0]].model_copy(update={"batch_size": len(places)}) for places in groups
        ]
        with context.share([request.single(cell) for cell in together]) as elsewhere:
            for number, (places, cell) in enumerate(zip(groups, together, strict=True)):
                size_px = side_by_side(cell.drawn_size, len(places))
                context.steps.sheet(_forming, (size_px, len(places)), steps)
                outputs = elsewhere(number)
                if outputs is None:
                    outputs = run_mode(request.single(cell), context)
                for place, output in zip(places, outputs, strict=True):
                    record = output.record
                    done[place] = output.image
                    extra = record.extra | sheet.facts(place)
                    yield replace(output, index=place, record=replace(record, extra=extra))
    except Cancelled:
        if record is not None:
            yield _sheet(settings, sheet, done, record)
        raise
    assert record is not None, "a grid has a cell"
    yield _sheet(settings, sheet, done, record)


def _room(cell: Settings, context: Context) -> int:
    """How many cells may be drawn at once."""

    def room(held: Held) -> int:
        return limits.rows_that_fit(cell, held.model.info, held.model.target)

    return min(TOGETHER, using(Needs(cell.model), context, room))


def _groups(cells: Sequence[Settings], most: int) -> list[list[int]]:
    """Places of cells that are drawn at once: alike but for seeds that count up."""
    open_groups: dict[tuple[str, int], list[int]] = {}
    groups: list[list[int]] = []
    for place, cell in enumerate(cells):
        alike = cell.model_dump_json(exclude={"seed"})
        group = open_groups.pop((alike, cell.seed), None)
        # The pictures of a variation share one seed, and an inversion is drawn for one.
        if cell.variation_strength > 0 or group is None or len(group) >= most:
            group = list[int]()
            groups.append(group)
        group.append(place)
        open_groups[(alike, cell.seed + 1)] = group
    return groups


def _forming(frames: Frames) -> Frames:
    """The cells that form, at their own size; those that are done are results already."""
    return frames


def side_by_side(size_px: tuple[int, int], count: int) -> tuple[int, int]:
    """(width, height) of so many cells laid out nearly square."""
    columns = math.ceil(math.sqrt(count))
    return columns * size_px[0], math.ceil(count / columns) * size_px[1]


def _sheet(
    settings: XyzGridSettings, sheet: Sheet, done: Mapping[int, Pixels], last: Record
) -> Output:
    picture = np.ascontiguousarray(sheet.draw(done))
    extra = {
        key: value
        for key, value in last.extra.items()
        if key in SHARED_FACTS or key.endswith("_sha256")
    }
    record = Record(
        settings.mode,
        settings.model_dump(mode="json"),
        last.model,
        extra | {"cells": len(done), "compared": "the whole grid"},
    )
    return Output(settings.picture_count, picture, record)


@dataclass(frozen=True)
class GridMode:
    """The grid, over the modes of its cells.

    Attributes:
        draw: Draws cells that are alike, as one batch of their own mode.
    """

    draw: RunMode

    @property
    def name(self) -> str:
        """What settings call it."""
        return XyzGridSettings.mode

    def run(self, request: ModeRequest, context: Context) -> Iterator[Output]:
        """Every cell, then the sheet."""
        if not isinstance(request, ResolvedRequest):
            raise TypeError("a grid draws pictures")
        return run(request, context, self.draw)
