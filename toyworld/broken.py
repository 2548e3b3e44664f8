"""Renders that no longer show their subject: warped, melted, mixed or half drawn.

A judge that has only ever seen whole subjects must name one of them, whatever it is shown, and so
calls a blot a cat. These are its "none of these".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from toyworld.render import render
from toyworld.scene import Scene, sample_pair
from toyworld.world import World

Fault = Literal["warped", "melted", "mixed", "half drawn"]
FAULTS: tuple[Fault, ...] = ("warped", "melted", "mixed", "half drawn")


def subject_mask(picture: NDArray[np.uint8], empty: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(H, W): where a picture differs from its empty setting."""
    return np.abs(picture.astype(np.int16) - empty).max(axis=-1) > 24


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a mask, right and bottom outside; the whole if empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0, 0, mask.shape[1], mask.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _waves(rng: np.random.Generator, size: int, reach: float, knots: int) -> NDArray[np.float32]:
    """A smooth random field (size, size) of deviation `reach`."""
    coarse = rng.standard_normal((knots, knots)).astype(np.float32)
    field = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return field * np.float32(reach / max(float(field.std()), 1e-6))


def _moved(
    picture: NDArray[np.uint8], dx: NDArray[np.float32], dy: NDArray[np.float32]
) -> NDArray[np.uint8]:
    size = len(picture)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return cv2.remap(picture, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _warped(picture: NDArray[np.uint8], rng: np.random.Generator, side: float) -> NDArray[np.uint8]:
    """Bent out of shape, over lengths of about a third of the subject."""
    size = len(picture)
    knots = max(4, round(3.0 * size / side))
    reach = rng.uniform(0.16, 0.24) * side
    return _moved(picture, _waves(rng, size, reach, knots), _waves(rng, size, reach, knots))


def _melted(picture: NDArray[np.uint8], rng: np.random.Generator, side: float) -> NDArray[np.uint8]:
    """Run down in streaks and blurred into a blot."""
    size = len(picture)
    streaks = np.abs(cv2.resize(
        rng.standard_normal((1, max(6, round(6 * size / side)))).astype(np.float32), (size, 1),
        interpolation=cv2.INTER_CUBIC,
    ))  # fmt: skip
    down = np.broadcast_to(-streaks * np.float32(0.3 * side), (size, size))
    run = _moved(picture, _waves(rng, size, 0.05 * side, 6), np.ascontiguousarray(down))
    return cv2.GaussianBlur(run, (0, 0), rng.uniform(0.07, 0.12) * side)


def broken(
    scene: Scene, which: int, fault: Fault, rng: np.random.Generator, size_px: int, world: World
) -> NDArray[np.uint8]:
    """A picture of a scene in which one subject can no longer be named.

    Args:
        scene: What would be drawn.
        which: Index of the subject that is spoilt; the others stay whole.
        fault: How.
        rng: The source of chance.
        size_px: Width and height.
        world: Version of the world.

    Returns:
        (size_px, size_px, 3) uint8.
    """
    others = tuple(s for i, s in enumerate(scene.subjects) if i != which)
    rest = render(replace(scene, subjects=others), size_px, world)
    empty = render(replace(scene, subjects=()), size_px, world)
    alone = render(replace(scene, subjects=(scene.subjects[which],)), size_px, world)
    mask = subject_mask(alone, empty)
    left, top, right, bottom = _box(mask)
    side = float(max(right - left, bottom - top))
    match fault:
        case "warped":
            spoilt = _warped(alone, rng, side)
        case "melted":
            spoilt = _melted(alone, rng, side)
        case "mixed":
            spoilt = _mixed(alone, scene, which, (left, top, right, bottom), rng, world)
        case "half drawn":
            spoilt = _half_drawn(alone, empty, (left, top, right, bottom), rng)
    reach = max(3, round(0.25 * side)) | 1
    near = cv2.dilate(mask.astype(np.float32), np.ones((reach, reach), np.uint8))
    share = cv2.GaussianBlur(near, (0, 0), max(1.0, 0.02 * size_px))
    neighbour = subject_mask(rest, empty).astype(np.float32)
    share *= 1.0 - cv2.dilate(neighbour, np.ones((3, 3), np.uint8))
    return (rest + share[..., None] * (spoilt.astype(np.float32) - rest) + 0.5).astype(np.uint8)


def _mixed(
    alone: NDArray[np.uint8], scene: Scene, which: int, box: tuple[int, int, int, int],
    rng: np.random.Generator, world: World,
) -> NDArray[np.uint8]:  # fmt: skip
    """One half of the subject, one half of another kind at the same place."""
    subject = scene.subjects[which]
    name, colour = sample_pair(rng)
    while name == subject.name:
        name, colour = sample_pair(rng)
    other = replace(subject, name=name, colour=subject.colour if rng.random() < 0.6 else colour)
    second = render(replace(scene, subjects=(other,)), len(alone), world)
    left, top, right, bottom = box
    mixed = alone.copy()
    if rng.random() < 0.5:
        middle = round((left + right) / 2)
        mixed[:, middle:] = second[:, middle:]
    else:
        middle = round((top + bottom) / 2)
        mixed[middle:] = second[middle:]
    return mixed


def _half_drawn(
    alone: NDArray[np.uint8], empty: NDArray[np.uint8], box: tuple[int, int, int, int],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:  # fmt: skip
    """Only a strip of the subject is there: two fifths to half of it, from one of four sides."""
    left, top, right, bottom = box
    kept = rng.uniform(0.3, 0.45)
    drawn = empty.copy()
    match int(rng.integers(4)):
        case 0:
            part = np.s_[:, : round(left + kept * (right - left))]
        case 1:
            part = np.s_[:, round(right - kept * (right - left)) :]
        case 2:
            part = np.s_[: round(top + kept * (bottom - top))]
        case _:
            part = np.s_[round(bottom - kept * (bottom - top)) :]
    drawn[part] = alone[part]
    return drawn
