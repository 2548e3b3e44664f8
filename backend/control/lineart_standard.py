"""Line drawing by the difference from a blurred copy; needs no weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from backend.contracts.events import Pixels
from backend.control.aux_package import at_exact_size, detector_class


@dataclass(frozen=True)
class LineartStandard:
    """Light lines on black where the picture is darker than its surroundings.

    Attributes:
        sigma_px: Blur of the surroundings.
        threshold: Differences above it, 0-255, set the brightness of the lines.
    """

    sigma_px: float = 6.0
    threshold: int = 8

    def __call__(self, image: Pixels) -> Pixels:
        detect = detector_class("LineartStandardDetector")()
        with warnings.catch_warnings():
            # A flat picture has no differences to take the median of; it gives black, rightly.
            warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
            warnings.filterwarnings("ignore", "invalid value encountered", RuntimeWarning)
            return at_exact_size(
                detect, image, guassian_sigma=self.sigma_px, intensity_threshold=self.threshold
            )
