"""controlnet_aux behind a door: it imports in seconds, warns a lot, and sizes pictures its way."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import cv2
import numpy as np

from backend.contracts.errors import ModelProblem
from backend.contracts.events import Pixels


def detector_class(name: str) -> Any:
    """The class `name` of controlnet_aux, imported on first use (about six seconds).

    Raises:
        ModelProblem: The package is not installed, or cannot be imported.
    """
    try:
        with warnings.catch_warnings():
            # At import it names parts that are not installed and calls deprecated functions of
            # torch, timm and scipy; nothing of that concerns the person at the page.
            for category in (UserWarning, FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", category)
            package = import_module("controlnet_aux")
    except Exception as error:  # whatever a broken dependency raises
        raise ModelProblem(
            "This detector needs the package controlnet_aux, which cannot be imported here; "
            "install the requirements again, or use canny."
        ) from error
    return getattr(package, name)


def at_exact_size(detect: Callable[..., Any], image: Pixels, **options: Any) -> Pixels:
    """Runs a detector of controlnet_aux and brings the result to the size of `image`.

    The package scales the short side to a resolution and both sides to multiples of 64; asked
    for the short side of the picture itself it changes no picture whose sides are such multiples.

    Args:
        detect: Called with the picture, `detect_resolution`, `output_type` and the options.
        image: (H, W, 3) uint8 RGB.
        options: Further arguments of that detector.
    """
    height, width = image.shape[:2]
    resolution = max(min(height, width), 64)
    found = np.asarray(detect(image, detect_resolution=resolution, output_type="np", **options))
    if found.ndim == 2:
        found = np.repeat(found[:, :, None], 3, axis=2)
    if found.shape[:2] != (height, width):
        found = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(found[:, :, :3], dtype=np.uint8)
