"""A clip at a glance: a few of its frames, small, to choose a part by."""

from __future__ import annotations

from dataclasses import dataclass

from backend.contracts.clip import Cut
from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.pictures.budget import Budget
from backend.pictures.clips import ZIP, film, read_clip, stills
from backend.pictures.fit import fit
from backend.pictures.opening import header_of

MOST = 16
SIDE_PX = 96


@dataclass(frozen=True, eq=False)
class Overview:
    """What is shown of it.

    Attributes:
        frames: Small pictures, (h, w, 3) each, `every` frames apart, from frame 0 on.
        every: How far apart.
        count: Frames of the whole, as far as its header says it.
    """

    frames: tuple[Pixels, ...]
    every: int
    count: int


def overview(data: bytes, budget: Budget | None = None) -> Overview:
    """Reads it; arguments and errors as in `read_clip`."""
    count = _count(data)
    every = max(1, -(-count // MOST))
    clip = read_clip(data, Cut(every=every), budget)
    return Overview(tuple(_small(frame) for frame in clip.frames[:MOST]), every, count)


def _count(data: bytes) -> int:
    kind = film.kind_of(data)
    if kind is not None:
        found = film.length(data, kind)
        if found is None:
            raise BadInput("This film does not say how long it is; write the frames.", "clip")
        return found
    if data.startswith(ZIP):
        return stills.pictures_in(data)
    try:
        with header_of(data, stills.ANIMATED) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:  # what is wrong with it, `read_clip` says
        return 1


def _small(frame: Pixels) -> Pixels:
    height, width = frame.shape[:2]
    scale = min(1.0, SIDE_PX / max(height, width))
    return fit(frame, max(1, round(width * scale)), max(1, round(height * scale))).image
