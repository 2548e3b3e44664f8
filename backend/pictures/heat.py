"""Where something happens, drawn over the picture that it happens to."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.contracts.events import Pixels

_GAMMA = 0.6  # so that weak places are seen beside strong ones


def heat_map(image: Pixels, heat: NDArray[np.float32], most: float) -> Pixels:
    """The picture in grey, and over it how much happens where, from dark to bright yellow.

    Args:
        image: (H, W, 3).
        heat: (h, w), 0 or more, at any size.
        most: What the brightest colour stands for; 0 or less where nothing happens at all.
    """
    height, width = image.shape[:2]
    sized = cv2.resize(heat, (width, height), interpolation=cv2.INTER_CUBIC)
    share = np.clip(sized / most, 0.0, 1.0) ** _GAMMA if most > 0 else np.zeros_like(sized)
    levels = np.rint(share * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    shown = (0.35 + 0.55 * share)[..., None]
    return np.rint(grey * 0.6 * (1 - shown) + colours * shown).astype(np.uint8)
