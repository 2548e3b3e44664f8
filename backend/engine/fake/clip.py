"""FakeEngine's clips: each frame leans towards one drawn picture, as a real one would."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from backend.contracts.clip import frame_names
from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import ClipSettings
from backend.contracts.sound import SOUND
from backend.engine.fake import picture as fake_picture
from backend.pictures.fit import fit


def source(request: Request, index: int) -> Pixels:
    """Frame `index` of the clip, at the size that is drawn."""
    settings = request.settings
    assert isinstance(settings, ClipSettings)
    name = frame_names(request.images)[index]
    return fit(request.images[name], *settings.drawn_size, settings.resize_mode).image


def frame(request: Request, index: int) -> Pixels:
    """Frame `index` of the result."""
    settings, shown = request.settings, source(request, index).astype(float)
    assert isinstance(settings, ClipSettings)
    drawn = fake_picture.draw(settings.prompt, settings.seed, *settings.drawn_size)
    return np.rint(shown + settings.strength * (drawn - shown)).astype(np.uint8)


def views(request: Request, index: int) -> dict[str, Pixels]:
    """What explains frame `index`; the first one carries the sound."""
    sound = request.images.get(SOUND) if index == 0 else None
    return {"source": source(request, index)} | ({} if sound is None else {SOUND: sound})


def facts(frames: Sequence[Pixels], settings: ClipSettings) -> dict[str, Any]:
    """Flicker, in the shape of the real one."""
    gaps = [float(np.abs(a.astype(float) - b).mean() / 255) for a, b in pairwise(frames)]
    mean = float(np.mean(gaps)) if gaps else None
    alone = settings.attend == "off" and settings.frame_noise == "own"
    told = {"whole": mean, "still": mean, "over_time": gaps, "clip": "drawn", "alone": alone}
    return {"flicker": told}
