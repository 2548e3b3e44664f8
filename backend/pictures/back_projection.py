"""A larger picture brought back to the small one that it was made from."""

from __future__ import annotations

import cv2
import numpy as np

from backend.contracts.events import Pixels


def back_projected(large: Pixels, small: Pixels) -> Pixels:
    """The large picture with the small one's colours: reduced, it comes near to it again.

    One step of iterative back-projection (Irani and Peleg 1991): what the reduced picture lacks of
    the small one is enlarged bilinearly and added. Outlines finer than the small picture's pixels
    stay as they were drawn.

    Args:
        large: (H, W, 3).
        small: (h, w, 3), no larger.

    Returns:
        (H, W, 3).
    """
    height, width = small.shape[:2]
    reduced = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
    lacking = small.astype(np.float32) - reduced
    added = cv2.resize(lacking, large.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(np.rint(large + added), 0, 255).astype(np.uint8)
