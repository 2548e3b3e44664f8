"""Colours that were sketched over a picture, for a run to start from."""

from __future__ import annotations

import cv2
import numpy as np

from backend.contracts.events import Pixels
from backend.pictures.budget import Budget
from backend.pictures.decode import decode_strokes


def read_sketch(content: bytes, field: str, budget: Budget | None = None) -> Pixels:
    """Decodes a sketch: (H, W, 4) uint8, straight alpha.

    Raises:
        BadInput: See `decode`.
    """
    return decode_strokes(content, field, budget)


def laid_over(picture: Pixels, sketch: Pixels) -> Pixels:
    """A picture with a sketch over it; what is not sketched stays bit for bit.

    Args:
        picture: (H, W, 3) uint8.
        sketch: (h, w, 4) uint8 of the same shape, at any size.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = picture.shape[:2]
    alpha, tones = _scaled(sketch, (width, height))
    mixed = picture.astype(np.float32) * (1 - alpha) + tones
    return np.where(alpha > 0, np.clip(np.rint(mixed), 0, 255), picture).astype(np.uint8)


def where(sketch: Pixels, size: tuple[int, int]) -> Pixels:
    """The places that are sketched as a mask: white also where a stroke is translucent.

    Args:
        sketch: (h, w, 4) uint8.
        size: Width and height of the mask.

    Returns:
        (height, width, 3) uint8, 0 or 255.
    """
    alpha, _ = _scaled(sketch, size)
    return np.repeat(np.where(alpha > 0, 255, 0).astype(np.uint8), 3, axis=2)


def _scaled(sketch: Pixels, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Alpha (H, W, 1) from 0 to 1, and tones times alpha (H, W, 3), at another size."""
    alpha = sketch[:, :, 3].astype(np.float32) / 255
    tones = sketch[:, :, :3].astype(np.float32) * alpha[:, :, None]
    if sketch.shape[1::-1] != size:
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)
        tones = cv2.resize(tones, size, interpolation=cv2.INTER_LINEAR)
    return alpha[:, :, None], tones
