"""Versions of the drawn world: what a version fixes besides the drawings themselves.

Weights belong to the world they learned. Pocket's weights of today learned the first; those that
are to follow learn the second, which is fixed, so that a long run never learns from two worlds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


def _sizes(small: float, medium: float, big: float) -> Mapping[str, float]:
    return MappingProxyType({"small": small, "medium": medium, "big": big})


@dataclass(frozen=True)
class World:
    """How large, how clear and how busy the scenes are; lengths are shares of the width."""

    version: int
    radius_alone: Mapping[str, float]
    """Size word -> half the height of a subject that stands alone."""
    radius_paired: Mapping[str, float]
    """The same for each of two."""
    paired_share: float
    """Share of scenes with two subjects."""
    sway: tuple[float, float]
    """How far a subject stands from the middle of its place, at most: alone, and as one of two."""
    floating: tuple[float, float]
    """Lowest points of subjects that hover."""
    standing: tuple[float, float]
    """Lowest points of subjects that stand."""
    outline: float
    """Width of the line around a whole subject; 0 draws none."""
    tufts: int
    flakes: int
    stars: int
    speck: float
    """How large these three are, against the first world."""


FIRST = World(
    version=1,
    radius_alone=_sizes(0.165, 0.235, 0.315),
    radius_paired=_sizes(0.150, 0.190, 0.225),
    paired_share=0.4,
    sway=(0.045, 0.045),
    floating=(0.56, 0.78),
    standing=(0.80, 0.90),
    outline=0.0,
    tufts=7,
    flakes=14,
    stars=14,
    speck=1.0,
)
SECOND = World(
    version=2,
    radius_alone=_sizes(0.175, 0.255, 0.345),
    radius_paired=_sizes(0.155, 0.195, 0.228),
    paired_share=0.55,
    sway=(0.09, 0.045),
    floating=(0.48, 0.86),
    standing=(0.77, 0.95),
    outline=0.011,
    tufts=3,
    flakes=6,
    stars=6,
    speck=1.7,
)
WORLDS: Mapping[int, World] = MappingProxyType({w.version: w for w in (FIRST, SECOND)})


def named(world: World) -> str:
    """What stands in the names of files that hold a world's renders, or what learned from them."""
    return "" if world is FIRST else f"-world{world.version}"
