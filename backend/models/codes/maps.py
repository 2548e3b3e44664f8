"""What is shown of codes: a map of them in colours, and how a picture fares through them."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray

from backend.contracts.events import Pixels

Codes = NDArray[np.int64]
"""(h, w)."""
GOLDEN = 0.61803398875  # turns of the hue from a code to the next: neighbours look unlike


def code_map(codes: Codes, cell_px: int) -> Pixels:
    """A colour for each code, (h cell_px, w cell_px, 3); the same code has the same everywhere."""
    found, where = np.unique(codes, return_inverse=True)
    colours = np.array([_colour(int(code)) for code in found], dtype=np.uint8)
    small = colours[where.reshape(codes.shape)]
    return np.ascontiguousarray(small.repeat(cell_px, axis=0).repeat(cell_px, axis=1))


def _colour(code: int) -> tuple[int, int, int]:
    value = (0.55, 0.75, 0.95)[code % 3]
    red, green, blue = colorsys.hsv_to_rgb(code * GOLDEN % 1.0, 0.6, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def psnr_db(made: Pixels, wanted: Pixels) -> float:
    """Peak signal-to-noise ratio of two pictures of one size; 99 where they are the same."""
    error = float(np.mean((made.astype(np.float64) - wanted) ** 2))
    return min(99.0, 10 * float(np.log10(255.0**2 / max(error, 1e-9))))
