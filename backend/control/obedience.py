"""Edge obedience: how well a picture kept the edges that it was asked to keep.

As in boundary detection (Martin et al. 2004, sec. 2): an edge counts as matched when the other
picture has one within a small distance. Recall is the share of the control's edges that the
picture has, precision the share of the picture's edges that the control asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.contracts.events import Pixels
from backend.control.canny import Canny

Flags = NDArray[np.bool_]

TOLERANCE_PX = 2
EDGE_LEVEL = 128  # of a control's brightest channel

KEPT_COLOUR = (64, 224, 96)
LOST_COLOUR = (255, 84, 68)
NEW_COLOUR = (84, 164, 255)
DIMMED = 0.25  # of the picture's lightness; each colour stands out from it by at least 3 : 1
THICKEN_FROM_PX = 640  # lines of one pixel vanish when a larger picture is scaled to the page


@dataclass(frozen=True, eq=False)
class Obedience:
    """How well the edges were kept.

    Attributes:
        recall: Share of the control's edges that the picture has, 0..1; 1 where it has none.
        precision: Share of the picture's edges that the control has, 0..1; 1 where it has none.
        density: Share of the control's pixels that are edges, 0..1.
        kept: (H, W) edges of the control that the picture has.
        lost: (H, W) edges of the control that it has not.
        new: (H, W) edges of the picture that the control has not.
    """

    recall: float
    precision: float
    density: float
    kept: Flags
    lost: Flags
    new: Flags

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision, 0 where both are 0."""
        total = self.recall + self.precision
        return 2 * self.recall * self.precision / total if total else 0.0


def measure(
    control: Pixels, output: Pixels, canny: Canny | None = None, tolerance_px: int = TOLERANCE_PX
) -> Obedience:
    """Compares the edges of a picture with its control.

    Args:
        control: (H, W, 3) uint8, light edges on black.
        output: (H, W, 3) uint8, the picture that was made.
        canny: Finds the picture's edges; best the detector that made the control.
        tolerance_px: How far apart (Euclidean) two edges may lie to be the same.

    Raises:
        ValueError: The sizes differ.
    """
    if control.shape != output.shape:
        raise ValueError(f"sizes differ: {control.shape} and {output.shape}")
    asked = control.max(axis=2) >= EDGE_LEVEL
    drawn = (canny or Canny()).edges(output) > 0
    kept = asked & _near(drawn, tolerance_px)
    new = drawn & ~_near(asked, tolerance_px)
    return Obedience(
        recall=_share(kept, asked),
        precision=1 - _share(new, drawn) if drawn.any() else 1.0,
        density=float(asked.mean()),
        kept=kept,
        lost=asked & ~kept,
        new=new,
    )


def _near(edges: Flags, radius_px: int) -> Flags:
    """All pixels within `radius_px` (Euclidean) of an edge."""
    offsets = np.arange(-radius_px, radius_px + 1)
    disc = (offsets[:, None] ** 2 + offsets[None, :] ** 2 <= radius_px**2).astype(np.uint8)
    return cv2.dilate(edges.astype(np.uint8), disc) > 0


def _share(part: Flags, whole: Flags) -> float:
    count = int(np.count_nonzero(whole))
    return int(np.count_nonzero(part)) / count if count else 1.0


def overlay(obedience: Obedience, output: Pixels) -> Pixels:
    """Draws what was kept (green), lost (red) and is new (blue) over the dimmed, grey picture.

    Args:
        obedience: From `measure`.
        output: (H, W, 3) uint8, the same picture.
    """
    grey = cv2.cvtColor(output, cv2.COLOR_RGB2GRAY).astype(np.float32) * DIMMED
    canvas = np.repeat(np.rint(grey).astype(np.uint8)[:, :, None], 3, axis=2)
    thicken = max(output.shape[:2]) >= THICKEN_FROM_PX
    # What was lost is drawn last: it is what a person looks for.
    layers = (
        (obedience.new, NEW_COLOUR),
        (obedience.kept, KEPT_COLOUR),
        (obedience.lost, LOST_COLOUR),
    )
    for flags, colour in layers:
        canvas[_near(flags, 1) if thicken else flags] = colour
    return canvas
