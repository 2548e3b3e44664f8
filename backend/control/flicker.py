"""How much a clip flickers: what changes from frame to frame that its source does not move.

The frame before is moved by the optical flow of the *source* (DIS, Kroeger et al. 2016, by
OpenCV), and what is left of the difference is flicker (the warping error of Lai et al. 2018,
1808.00449, without its occlusion mask: pixels that the source uncovers are left out where the
source itself, moved so, does not fit).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.contracts.events import Pixels

STILL_PX = 0.5  # what moves less from frame to frame counts as standing still
FITS = 24.0  # of 255: where the moved source is further off, something was covered before


@dataclass(frozen=True)
class Gap:
    """From one frame to the next, 0..1.

    Attributes:
        whole: Mean difference over all pixels that could be seen in both.
        still: The same outside of what moves; None where everything does.
    """

    whole: float
    still: float | None


def between(source: tuple[Pixels, Pixels], made: tuple[Pixels, Pixels]) -> Gap:
    """What changed from one frame to the next beyond the source's motion.

    Args:
        source: Two frames that follow each other, (H, W, 3).
        made: The same of the clip to judge, of the same size.
    """
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in source]
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    start = np.zeros((*greys[0].shape, 2), np.float32)
    flow = np.asarray(dis.calc(greys[1], greys[0], start), np.float32)  # from the second back
    seen = _apart(_moved(source[0], flow), source[1]) <= FITS
    off = _apart(_moved(made[0], flow), made[1]) / 255
    still = seen & (np.linalg.norm(flow, axis=2) < STILL_PX)
    return Gap(
        float(off[seen].mean()) if seen.any() else 0.0,
        float(off[still].mean()) if still.any() else None,
    )


def _moved(picture: Pixels, flow: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = flow.shape[:2]
    across, down = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    moved = cv2.remap(
        picture.astype(np.float32),
        across + flow[:, :, 0],
        down + flow[:, :, 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, np.float32)


def _apart(a: NDArray[np.float32], b: Pixels) -> NDArray[np.float32]:
    """(H, W): mean over the channels of the difference, 0..255."""
    return np.abs(a - b.astype(np.float32)).mean(axis=2)


@dataclass(eq=False)
class Meter:
    """Takes frames as they are finished.

    Attributes:
        gaps: Between all neighbours so far.
    """

    gaps: list[Gap] = field(default_factory=list[Gap])
    _last: tuple[Pixels, Pixels] | None = None

    def add(self, source: Pixels, made: Pixels) -> None:
        """The next frame."""
        if self._last is not None:
            self.gaps.append(between((self._last[0], source), (self._last[1], made)))
        self._last = source, made

    @property
    def told(self) -> dict[str, Any]:
        """For the page and the API: means, and the way over time."""
        still = [gap.still for gap in self.gaps if gap.still is not None]
        return {
            "whole": _mean([gap.whole for gap in self.gaps]),
            "still": _mean(still),
            "over_time": [round(gap.whole, 5) for gap in self.gaps],
        }


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 5) if values else None
