"""A picture enlarged tile by tile, the seams blended, in memory that does not grow with it.

Only one row of tiles is held in floating point at a time: what is finished goes into the result as
bytes, and what the next row overlaps is carried over.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from backend.contracts.events import Pixels

Enlarged = NDArray[np.float32]  # (H scale, W scale, 3) in 0..1
Enlarge = Callable[[Pixels], Enlarged]
OVERLAP_PX = 32


def cuts(length_px: int, tile_px: int) -> tuple[tuple[int, int], ...]:
    """Where the tiles of one side begin and end; neighbours overlap by `overlap` exactly.

    Args:
        length_px: Of the side.
        tile_px: Of a tile; 0, or as much as the side, is one piece. The last may be shorter.
    """
    if not 0 < tile_px < length_px:
        return ((0, length_px),)
    found = [(0, tile_px)]
    while found[-1][1] < length_px:
        start = found[-1][1] - overlap(tile_px)
        found.append((start, min(start + tile_px, length_px)))
    return tuple(found)


def overlap(tile_px: int) -> int:
    """How far neighbouring tiles reach into each other, px of the source."""
    return min(OVERLAP_PX, tile_px // 4)


def count(width_px: int, height_px: int, tile_px: int) -> int:
    """How many tiles a picture comes to."""
    return len(cuts(width_px, tile_px)) * len(cuts(height_px, tile_px))


def in_tiles(picture: Pixels, scale: int, enlarge: Enlarge, tile_px: int) -> Pixels:
    """The picture, enlarged.

    Args:
        picture: (H, W, 3).
        scale: What `enlarge` multiplies both sides by.
        enlarge: (h, w, 3) uint8 -> (h scale, w scale, 3) in 0..1; called once a tile, row by row.
        tile_px: Side of the tiles in the source; 0 takes all of it at once.

    Returns:
        (H scale, W scale, 3), rounded half to even.
    """
    height, width = picture.shape[:2]
    rows, columns = cuts(height, tile_px), cuts(width, tile_px)
    shared = overlap(tile_px) * scale
    result = np.empty((height * scale, width * scale, 3), np.uint8)
    above: Enlarged | None = None
    for top, bottom in rows:
        strip = _strip(picture[top:bottom], scale, enlarge, columns, shared)
        if above is not None:
            strip[:shared] = _blended(above, strip[:shared], axis=0)
        ready = len(strip) - (0 if bottom == height else shared)
        result[top * scale : top * scale + ready] = rounded(strip[:ready])
        above = strip[ready:].copy()
    return result


def rounded(values: Enlarged) -> Pixels:
    """0..1 -> uint8, clipped, rounded half to even."""
    return np.rint(np.clip(values, 0.0, 1.0) * np.float32(255.0)).astype(np.uint8)


def _strip(
    source: Pixels, scale: int, enlarge: Enlarge, columns: tuple[tuple[int, int], ...], shared: int
) -> Enlarged:
    """One row of tiles, joined from left to right."""
    height, width = source.shape[:2]
    strip = np.empty((height * scale, width * scale, 3), np.float32)
    for left, right in columns:
        tile = enlarge(source[:, left:right])
        here = strip[:, left * scale : right * scale]
        if left:
            tile[:, :shared] = _blended(here[:, :shared], tile[:, :shared], axis=1)
        here[...] = tile
    return strip


def _blended(before: Enlarged, after: Enlarged, axis: int) -> Enlarged:
    """From one to the other along an axis; the outer quarters, nearest to an edge, are left out."""
    length = before.shape[axis]
    along = (np.arange(length, dtype=np.float32) + 0.5) / length
    weight = np.clip(along * 2.0 - 0.5, 0.0, 1.0).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    return before * (1.0 - weight) + after * weight
