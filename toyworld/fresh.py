"""Scenes that are drawn while a model learns from them, so that no picture is seen twice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from toyworld.render import render
from toyworld.scene import EVEN, Scene, mirrored, sample_scene
from toyworld.styles import STYLES, styled
from toyworld.world import SECOND, World

MIRRORED_SHARE = 0.5
CELL_PX = 16


def draw_scenes(
    key: tuple[int, ...],
    count: int,
    world: World = SECOND,
    shares: Mapping[str, float] = EVEN,
) -> list[tuple[Scene, bool]]:
    """Scenes that a key alone decides, as their pictures show them, and whether those are mirrored.

    Args:
        key: Seed and place in the run, e.g. (seed, step).
        count: How many scenes.
        world: The version of the world.
        shares: How often a subject is drawn against one that is not named.
    """
    rng = np.random.default_rng(key)
    drawn: list[tuple[Scene, bool]] = []
    for _ in range(count):
        scene = sample_scene(rng, world=world, shares=shares)
        flipped = bool(rng.random() < MIRRORED_SHARE)
        drawn.append((mirrored(scene) if flipped else scene, flipped))
    return drawn


def draw(scene: Scene, flipped: bool, size_px: int, world: World = SECOND) -> NDArray[np.uint8]:
    """The picture of a drawn scene, (size_px, size_px, 3) uint8."""
    if not flipped:
        return render(scene, size_px, world)
    return render(mirrored(scene), size_px, world)[:, ::-1].copy()


def fresh_scenes(
    key: tuple[int, ...], count: int, size_px: int = 256, world: World = SECOND
) -> tuple[list[Scene], NDArray[np.uint8]]:
    """The scenes of `draw_scenes` and their pictures, (count, size_px, size_px, 3) uint8."""
    drawn = draw_scenes(key, count, world)
    pictures = [draw(scene, flipped, size_px, world) for scene, flipped in drawn]
    return [scene for scene, _ in drawn], np.stack(pictures)


def fresh_crops(
    key: tuple[int, ...],
    scenes: int,
    crops: int,
    crop_px: int,
    world: World = SECOND,
    styled_share: float = 0.0,
) -> NDArray[np.uint8]:
    """(scenes * crops, crop_px, crop_px, 3) cut at random from fresh pictures of 256 px.

    Args:
        key: Decides all.
        scenes: How many pictures.
        crops: Of each.
        crop_px: Their side.
        world: The version of the world.
        styled_share: Share of the pictures in the manner of a style; their crops begin at cells of
            16 px, as what the styles make does.
    """
    rng = np.random.default_rng((*key, 1))
    _, pictures = fresh_scenes(key, scenes, 256, world)
    manners = np.random.default_rng((*key, 2))
    step = np.ones(scenes, dtype=int)
    for i in range(scenes):
        if manners.random() < styled_share:
            style = list(STYLES)[int(manners.integers(len(STYLES)))]
            pictures[i] = styled(pictures[i], style, int(manners.integers(2**31)))
            step[i] = CELL_PX
    made = np.empty((scenes * crops, crop_px, crop_px, 3), dtype=np.uint8)
    for i, crop in enumerate(made):
        top, left = rng.integers(256 - crop_px + 1, size=2) // step[i // crops] * step[i // crops]
        crop[:] = pictures[i // crops, top : top + crop_px, left : left + crop_px]
    return made
