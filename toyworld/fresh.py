"""Scenes that are drawn while a model learns from them, so that no picture is seen twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toyworld.render import render
from toyworld.scene import Scene, mirrored, sample_scene
from toyworld.world import SECOND, World

MIRRORED_SHARE = 0.5


def fresh_scenes(
    key: tuple[int, ...], count: int, size_px: int = 256, world: World = SECOND
) -> tuple[list[Scene], NDArray[np.uint8]]:
    """Scenes that a key alone decides, half of them mirrored in picture and in words.

    Args:
        key: Seed and place in the run, e.g. (seed, step).
        count: How many scenes.
        size_px: Width and height of the pictures.
        world: The version of the world.

    Returns:
        The scenes as the pictures show them, and the pictures, (count, size_px, size_px, 3) uint8.
    """
    rng = np.random.default_rng(key)
    scenes: list[Scene] = []
    pictures = np.empty((count, size_px, size_px, 3), dtype=np.uint8)
    for picture in pictures:
        scene = sample_scene(rng, world=world)
        picture[:] = render(scene, size_px, world)
        if rng.random() < MIRRORED_SHARE:
            scene, picture[:] = mirrored(scene), picture[:, ::-1].copy()
        scenes.append(scene)
    return scenes, pictures


def fresh_crops(
    key: tuple[int, ...], scenes: int, crops: int, crop_px: int, world: World = SECOND
) -> NDArray[np.uint8]:
    """(scenes * crops, crop_px, crop_px, 3) cut at random from fresh pictures of 256 px."""
    rng = np.random.default_rng((*key, 1))
    _, pictures = fresh_scenes(key, scenes, 256, world)
    made = np.empty((scenes * crops, crop_px, crop_px, 3), dtype=np.uint8)
    for i, crop in enumerate(made):
        top, left = rng.integers(256 - crop_px + 1, size=2)
        crop[:] = pictures[i // crops, top : top + crop_px, left : left + crop_px]
    return made
