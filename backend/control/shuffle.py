"""Content shuffle: the picture's colours in a swirl, without its shapes; needs no weights."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from backend.contracts.events import Pixels
from backend.control.aux_package import at_exact_size, detector_class

_GLOBAL_NOISE = threading.Lock()


@dataclass(frozen=True)
class Shuffle:
    """Warps the picture by smooth random flow.

    Attributes:
        seed: Of the flow; the same seed gives the same control.
    """

    seed: int = 0

    def __call__(self, image: Pixels) -> Pixels:
        detect = detector_class("ContentShuffleDetector")()
        resolution = max(min(image.shape[:2]), 64)
        with _seeded(self.seed):
            return at_exact_size(detect, image, image_resolution=resolution)


@contextmanager
def _seeded(seed: int) -> Generator[None]:
    """The package draws from NumPy's global generator, which is put back as it was."""
    with _GLOBAL_NOISE:
        before = np.random.get_state()
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)
