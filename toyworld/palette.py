"""Named colours of the drawn world and the shades derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

RGB = tuple[float, float, float]

COLOURS: MappingProxyType[str, RGB] = MappingProxyType(
    {
        "red": (0.86, 0.13, 0.15),
        "orange": (0.98, 0.53, 0.08),
        "yellow": (0.99, 0.85, 0.16),
        "green": (0.20, 0.68, 0.27),
        "blue": (0.13, 0.38, 0.88),
        "purple": (0.53, 0.22, 0.74),
        "pink": (0.98, 0.52, 0.73),
        "brown": (0.50, 0.30, 0.16),
        "white": (0.96, 0.96, 0.97),
        "black": (0.12, 0.12, 0.15),
    }
)
"""Caption word -> sRGB in 0..1, the middle tone of a subject's main body."""

WHITE: RGB = (1.0, 1.0, 1.0)
INK: RGB = (0.10, 0.10, 0.14)
WOOD: RGB = (0.45, 0.29, 0.18)
CREAM: RGB = (0.98, 0.94, 0.84)
LEAF: RGB = (0.27, 0.60, 0.26)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Blend two colours linearly: `share` 0 gives `a`, 1 gives `b`."""
    blended = (1.0 - share) * np.asarray(a) + share * np.asarray(b)
    return (float(blended[0]), float(blended[1]), float(blended[2]))


@dataclass(frozen=True)
class Tone:
    """The shades of one named colour, lit from the upper left."""

    name: str
    light: RGB
    base: RGB
    dark: RGB
    deep: RGB
    """Outlines and folds."""


def tone(name: str) -> Tone:
    """Derive the shades of a named colour.

    Raises:
        KeyError: `name` is not one of `COLOURS`.
    """
    base = COLOURS[name]
    cool = (0.16, 0.12, 0.30)
    lift = 0.14 if name == "black" else 0.20
    return Tone(
        name=name,
        light=mix(base, WHITE, lift),
        base=base,
        dark=mix(base, cool, 0.20),
        deep=mix(base, cool, 0.52),
    )
