"""How far two pictures are apart."""

from __future__ import annotations

import numpy as np

from backend.events import Pixels


def psnr(a: Pixels, b: Pixels) -> float:
    """Peak signal-to-noise ratio of two pictures, dB; 99 where they are equal."""
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return 99.0 if error == 0 else round(float(10 * np.log10(255**2 / error)), 2)
