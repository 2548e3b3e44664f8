"""FakeEngine's morphs: a cross-fade with the facts that a real morph tells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import MorphSettings
from backend.engine.fake import picture as fake_picture
from backend.pictures.fit import fit


def frame(request: Request, index: int) -> Pixels:
    """Frame `index` of a morph."""
    settings = request.settings
    assert isinstance(settings, MorphSettings)
    ends = [_end(request, settings, end).astype(float) for end in (0, 1)]
    at = index / (settings.frames - 1)
    return np.rint((1 - at) * ends[0] + at * ends[1]).astype(np.uint8)


def facts(frames: Sequence[Pixels]) -> dict[str, Any]:
    """Distances and costs, in the shape of the real ones."""
    gaps = [float(np.abs(a.astype(float) - b).mean() / 255) for a, b in pairwise(frames)]
    return {
        "distances": gaps,
        "ppl": sum(gaps),
        "pdv": float(np.var(gaps)),
        "distance": "mean absolute difference",
        "positions": [],
        "compatibility": {"light": "green", "sentence": "These two are near enough to morph."},
        "reconstruction": [{"psnr": 38.2, "psnr_picture": 31.0, "psnr_autoencoder": 32.0}] * 2,
        "times_s": {"inverting": 1.2, "frames": 2.5},
        "sample_forwards": {"inverting": 400, "frames": 800},
    }


def _end(request: Request, settings: MorphSettings, end: int) -> Pixels:
    width, height = settings.drawn_size
    name = settings.pictures[end]
    if name in request.images:
        return fit(request.images[name], width, height, settings.resize_mode).image
    return fake_picture.draw(settings.end_prompt(end), settings.end_seed(end), width, height)
