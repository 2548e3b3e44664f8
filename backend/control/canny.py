"""Canny's edges (Canny 1986), as the published ControlNets were trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.contracts.events import Pixels

APERTURE = 3  # of the Sobel filters


@dataclass(frozen=True)
class Canny:
    """Edges on black, white and one pixel thin; gradients by L1 over the RGB channels.

    Attributes:
        low: 0-255; weak edges above it are kept where they touch a strong one.
        high: 0-255; edges above it are always kept.
    """

    low: int = 100
    high: int = 200

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 255:
            raise ValueError(f"thresholds must satisfy 0 <= low <= high <= 255, not {self}")

    def __call__(self, image: Pixels) -> Pixels:
        return np.repeat(self.edges(image)[:, :, None], 3, axis=2)

    def edges(self, image: Pixels) -> NDArray[np.uint8]:
        """The edges as one channel, (H, W) uint8 of 0 and 255."""
        found = cv2.Canny(
            np.ascontiguousarray(image),
            self.low,
            self.high,
            apertureSize=APERTURE,
            L2gradient=False,
        )
        return found.astype(np.uint8, copy=False)
