"""How far two pictures are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.contracts.events import Pixels


@dataclass(frozen=True)
class Difference:
    """Two pictures of one size, pixel by pixel.

    Attributes:
        largest: The largest difference of a channel, 0..255.
        equal_share: Share of the pixels that are equal in all three channels, 0..1.
    """

    largest: int
    equal_share: float

    @property
    def equal(self) -> bool:
        """Whether every pixel is the same."""
        return self.largest == 0


def difference(a: Pixels, b: Pixels) -> Difference:
    """Compares two pictures.

    Args:
        a: (H, W, 3).
        b: Of the same shape.

    Raises:
        ValueError: Their shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"pictures of {a.shape} and {b.shape} have no common pixels")
    apart: NDArray[np.int16] = np.abs(a.astype(np.int16) - b).max(axis=-1)
    alike: NDArray[np.bool_] = apart == 0
    return Difference(int(apart.max()), float(alike.mean()))


def psnr(a: Pixels, b: Pixels) -> float:
    """Peak signal-to-noise ratio of two pictures, dB; 99 where they are equal."""
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return 99.0 if error == 0 else round(float(10 * np.log10(255**2 / error)), 2)
