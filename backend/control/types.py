"""The contract of detectors."""

from __future__ import annotations

from typing import Protocol

from backend.contracts.events import Pixels


class Detector(Protocol):
    """Makes the control picture of a source picture.

    Detectors are frozen dataclasses of their parameters: equal detectors give equal controls of
    equal pictures, so that a control may be cached by (detector, picture).
    """

    def __call__(self, image: Pixels) -> Pixels:
        """Takes the source at the exact size that is drawn, (H, W, 3), and returns that size.

        Raises:
            ModelProblem: The detector's weights or its package are not at hand.
        """
        ...
