"""Sliders that move along a clip: values at points of its time, straight lines between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_CHARS = 2000
SLIDERS = ("guidance_scale", "control_scale")  # that can; any other name is that of a LoRA
EXAMPLE = "control_scale: 0=1, 0.5=0.2, 1=1"


@dataclass(frozen=True)
class Track:
    """One slider's way.

    Attributes:
        name: A field of `SLIDERS`, or a LoRA.
        points: (place in 0..1, value), by place.
    """

    name: str
    points: tuple[tuple[float, float], ...]

    def at(self, place: float) -> float:
        """The value at a place of the clip, 0..1; outside its points that of the nearest."""
        places, values = zip(*self.points, strict=True)
        return float(np.interp(place, places, values))


def tracks_of(text: str) -> tuple[Track, ...]:
    """Reads what was written: a line or a part up to ';' for each slider, as in `EXAMPLE`.

    Raises:
        ValueError: Says what is wrong, in a sentence.
    """
    found: dict[str, Track] = {}
    for line in text.replace("\n", ";").split(";"):
        if not line.strip():
            continue
        name, colon, written = line.rpartition(":")
        name = name.strip()
        if not colon or not name or not written.strip(" ,"):
            raise ValueError(f"keyframes are written like '{EXAMPLE}', not '{line.strip()[:80]}'")
        points = dict(_point(part) for part in written.split(",") if part.strip())
        if name in found:
            raise ValueError(f"'{name[:80]}' has two lines of keyframes; join them")
        found[name] = Track(name, tuple(sorted(points.items())))
    return tuple(found.values())


def _point(part: str) -> tuple[float, float]:
    place, equals, value = part.partition("=")
    try:
        made = float(place), float(value)
    except ValueError:
        made = (-1.0, 0.0)
    if not equals or not 0 <= made[0] <= 1 or not np.isfinite(made[1]):
        raise ValueError(
            f"a keyframe is a place of the clip from 0 to 1 and a value, like '0.5=0.2', not "
            f"'{part.strip()[:40]}'"
        )
    return made
