"""What a picture shows, and how such scenes are drawn by lot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from toyworld.palette import COLOURS
from toyworld.settings import SETTINGS
from toyworld.subjects import SUBJECTS
from toyworld.world import FIRST, World

Size = Literal["small", "medium", "big"]
Position = Literal["left", "centre", "right"]

SIZES: tuple[Size, ...] = ("small", "medium", "big")
POSITIONS: tuple[Position, ...] = ("left", "centre", "right")


@dataclass(frozen=True)
class Subject:
    """One thing in a scene."""

    name: str
    colour: str
    size: Size = "medium"
    position: Position = "centre"


@dataclass(frozen=True)
class Scene:
    """A picture's content; the same scene always gives the same pixels."""

    subjects: tuple[Subject, ...]
    """One, or two of which the left one comes first."""
    setting: str
    seed: int
    """Seeds the natural variation: places, proportions, clouds, waves."""


def _held_out_pairs() -> frozenset[tuple[str, str]]:
    """Every subject but three lends one colour, and no colour more than two subjects: 11 of 140."""
    names, colours = list(SUBJECTS), list(COLOURS)
    pairs = [(name, colours[(3 * i + 1) % len(colours)]) for i, name in enumerate(names)]
    return frozenset(pairs[:11])


EVEN: Mapping[str, float] = MappingProxyType({})
"""Every subject as often as any other."""

HELD_OUT = _held_out_pairs()
"""(subject, colour) pairs, 8 % of all, which never occur in training."""


def sample_pair(
    rng: np.random.Generator,
    held_out: bool = False,
    shares: Mapping[str, float] = EVEN,
) -> tuple[str, str]:
    """Draw a (subject, colour) pair, from the held-out list or from the rest.

    Args:
        rng: the only source of chance.
        held_out: draw from the held-out list.
        shares: how often a subject is drawn against one that is not named.
    """
    if held_out:
        pairs = sorted(HELD_OUT)
        return pairs[int(rng.integers(len(pairs)))]
    p = None
    if shares:
        p = np.array([shares.get(name, 1.0) for name in SUBJECTS])
        p /= p.sum()
    while True:
        pair = (str(rng.choice(list(SUBJECTS), p=p)), str(rng.choice(list(COLOURS))))
        if pair not in HELD_OUT:
            return pair


def sample_scene(
    rng: np.random.Generator,
    held_out: bool = False,
    world: World = FIRST,
    shares: Mapping[str, float] = EVEN,
) -> Scene:
    """Draw a scene: one subject, or, as often as the world says, two of different kinds.

    Args:
        rng: the only source of chance.
        held_out: draw one-subject scenes of the held-out pairs alone.
        world: how many scenes have two subjects.
        shares: how often a subject is drawn against one that is not named.
    """
    setting = str(rng.choice(list(SETTINGS)))
    if held_out or rng.random() < 1.0 - world.paired_share:
        name, colour = sample_pair(rng, held_out, shares)
        size = SIZES[int(rng.choice(3, p=(0.25, 0.45, 0.3)))]
        position = POSITIONS[int(rng.choice(3, p=(0.25, 0.5, 0.25)))]
        subjects: tuple[Subject, ...] = (Subject(name, colour, size, position),)
    else:
        first, second = sample_pair(rng, shares=shares), sample_pair(rng, shares=shares)
        while second[0] == first[0]:
            second = sample_pair(rng, shares=shares)
        sizes = [SIZES[int(rng.choice(3, p=(0.2, 0.6, 0.2)))] for _ in range(2)]
        subjects = (
            Subject(*first, sizes[0], "left"),
            Subject(*second, sizes[1], "right"),
        )
    return Scene(subjects, setting, int(rng.integers(2**31)))


_ACROSS: MappingProxyType[Position, Position] = MappingProxyType(
    {"left": "right", "centre": "centre", "right": "left"}
)


def mirrored(scene: Scene) -> Scene:
    """What a picture of the scene shows when its left and right are exchanged."""
    turned = [replace(s, position=_ACROSS[s.position]) for s in reversed(scene.subjects)]
    return replace(scene, subjects=tuple(turned))
