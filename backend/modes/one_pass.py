"""A picture made larger without drawing it: by Lanczos, or by a one-pass upscaler in tiles."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from backend.contracts.events import Pixels, Progress
from backend.contracts.settings.upscale import LANCZOS
from backend.models.memory.memory_pressure import Way, overcome
from backend.models.upscaler.upscaler import Upscaler
from backend.modes.context import Context
from backend.modes.leasing import UpscalerNeeded
from backend.modes.run import using
from backend.pictures.fit import fit
from backend.pictures.tiles import Enlarged, count, in_tiles

MOST_PASSES = 3
LEAST_TILE_PX = 64
STANDARD_TILE_PX = 256


def enlarged(
    picture: Pixels,
    size_px: tuple[int, int],
    how: str,
    context: Context,
    tile_px: int = STANDARD_TILE_PX,
) -> Pixels:
    """The picture at a size; a one-pass upscaler runs until that is reached, Lanczos does the rest.

    Args:
        picture: (h, w, 3).
        size_px: (width, height) wanted.
        how: "lanczos", or the name of an upscaler.
        context: The job's surroundings.
        tile_px: Side of its tiles; 0 takes all at once. Where memory runs short they are halved.

    Returns:
        (H, W, 3).

    Raises:
        Cancelled: Between two tiles.
        OutOfMemory: Not even small tiles fit.
    """
    if how != LANCZOS:
        context.report(Progress("loading", note=f"Loading {how}"))
        work = partial(_all_passes, picture, size_px, tile_px, context)
        picture = using(UpscalerNeeded(how), context, work)
    width, height = size_px
    if picture.shape[:2] == (height, width):
        return picture
    return np.ascontiguousarray(fit(picture, width, height, "crop").image)


def _all_passes(
    picture: Pixels, size_px: tuple[int, int], tile_px: int, context: Context, upscaler: Upscaler
) -> Pixels:
    for _ in range(_passes(picture, size_px, upscaler.scale)):
        picture = _passed(picture, upscaler, tile_px, context)
    return picture


def _passes(picture: Pixels, size_px: tuple[int, int], scale: int) -> int:
    """How often an upscaler runs; one that keeps the size only restores, once."""
    height, width = picture.shape[:2]
    passes, reached = 1, scale
    while scale > 1 and passes < MOST_PASSES and reached * max(width, height) < max(size_px):
        passes, reached = passes + 1, reached * scale
    return passes


def _passed(picture: Pixels, upscaler: Upscaler, tile_px: int, context: Context) -> Pixels:
    """One pass, with smaller tiles where memory runs short."""
    return overcome(
        (
            Way(
                partial(_tiled, picture, upscaler, side, context),
                ""
                if side == tile_px
                else f"Memory was short, so it went on in tiles of {side} px.",
            )
            for side in sides(tile_px, max(picture.shape[:2]))
        ),
        "There is not enough memory to enlarge this, not even in small tiles.",
    )


def sides(tile_px: int, longest_px: int) -> Iterator[int]:
    """Sides of tiles that are worth a try, the largest first; 0 is all at once."""
    yield tile_px
    side = (tile_px or longest_px) // 2 // 16 * 16
    while side >= LEAST_TILE_PX:
        yield side
        side = side // 2 // 16 * 16


def _tiled(picture: Pixels, upscaler: Upscaler, tile_px: int, context: Context) -> Pixels:
    height, width = picture.shape[:2]
    told = _told(count(width, height, tile_px), context)

    def enlarge(tile: Pixels) -> Enlarged:
        context.check()
        made = upscaler(tile)
        told()
        return made

    return in_tiles(picture, upscaler.scale, enlarge, tile_px)


def _told(total: int, context: Context) -> Callable[[], None]:
    """Reports one tile more at each call."""
    begun, done = time.monotonic(), 0
    context.report(Progress("enlarging", 0, total))

    def one_more() -> None:
        nonlocal done
        done += 1
        left_s = (time.monotonic() - begun) / done * (total - done)
        context.report(Progress("enlarging", done, total, eta_s=left_s))

    return one_more
