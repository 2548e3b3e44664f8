"""Pools of rendered scenes on disk, and batches drawn from them."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from toyworld.render import render
from toyworld.scene import Scene, sample_scene
from toyworld.world import FIRST, WORLDS, World, named

_SHARD = 500


def scene_of(seed: int, index: int, held_out: bool = False, world: World = FIRST) -> Scene:
    """The scene at a place of a pool: a function of the pool's seed, its world and the place."""
    return sample_scene(np.random.default_rng((seed, index)), held_out, world)


def _render_shard(job: tuple[int, int, int, int, bool, int]) -> NDArray[np.uint8]:
    seed, start, stop, size_px, held_out, version = job
    world = WORLDS[version]  # a world holds mappings that do not travel between processes
    cv2.setNumThreads(1)
    scenes = [scene_of(seed, i, held_out, world) for i in range(start, stop)]
    return np.stack([render(scene, size_px, world) for scene in scenes])


@dataclass(frozen=True)
class Pool:
    """Rendered scenes; `scene(i)` is what `pixels[i]` shows."""

    seed: int
    pixels: NDArray[np.uint8]
    """(count, size_px, size_px, 3), memory-mapped."""
    held_out: bool = False
    world: World = FIRST

    def scene(self, index: int) -> Scene:
        """The scene at a place."""
        return scene_of(self.seed, index, self.held_out, self.world)


def render_pool(
    folder: Path,
    seed: int,
    count: int,
    size_px: int,
    workers: int = 2,
    held_out: bool = False,
    world: World = FIRST,
) -> Pool:
    """Render a pool of scenes, or open it where the folder has it already."""
    path = folder / f"renders-{seed}-{size_px}px-{count}{named(world)}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part.npy")
        out = np.lib.format.open_memmap(
            aside, mode="w+", dtype=np.uint8, shape=(count, size_px, size_px, 3)
        )
        starts = range(0, count, _SHARD)
        jobs = [(seed, s, min(s + _SHARD, count), size_px, held_out, world.version) for s in starts]
        # Not forked: a copy of a process whose threads compute may wait for them for ever.
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            for (_, start, stop, *_), shard in zip(
                jobs, pool.map(_render_shard, jobs), strict=True
            ):
                out[start:stop] = shard
        out.flush()
        aside.rename(path)
    return Pool(seed, np.load(path, mmap_mode="r"), held_out, world)


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32 in -1..1, channels last in memory."""
    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def random_crops(pool: Pool, rng: np.random.Generator, count: int, crop_px: int) -> Tensor:
    """(count, 3, crop_px, crop_px) crops in -1..1 at random places of random renders."""
    total, size_px = pool.pixels.shape[:2]
    crops = np.empty((count, crop_px, crop_px, 3), dtype=np.uint8)
    for crop, index in zip(crops, rng.integers(total, size=count), strict=True):
        top, left = rng.integers(size_px - crop_px + 1, size=2)
        crop[:] = pool.pixels[index, top : top + crop_px, left : left + crop_px]
    return to_tensor(crops)
