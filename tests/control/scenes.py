"""Pictures whose edges are known."""

from __future__ import annotations

import cv2
import numpy as np

from backend.contracts.events import Pixels


def shapes(width: int = 256, height: int = 192, shift_px: int = 0) -> Pixels:
    """A rectangle and a disc, flat and far apart, moved to the right by `shift_px`."""
    image = np.full((height, width, 3), 30, np.uint8)
    cv2.rectangle(image, (30 + shift_px, 40), (100 + shift_px, 140), (220, 180, 40), -1)
    cv2.circle(image, (190 + shift_px, 90), 40, (40, 160, 230), -1)
    return image


def noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
