"""A rolling stock of encoded scenes: what a picture model learns from while it is drawn.

Encoding a scene costs as much as learning from it once, so each is kept for a while and seen a few
times, under new captions and new noise. The stock moves on with the run, so no scene stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from toyworld.broken import subject_mask
from toyworld.dataset import to_tensor
from toyworld.fresh import draw, draw_scenes
from toyworld.precision import swift_precision
from toyworld.scene import EVEN, Scene
from toyworld.world import SECOND, World

CHUNK = 8
"""Scenes that are drawn and encoded together."""
SIZE_PX = 256


@dataclass(frozen=True)
class Batch:
    """Examples to learn from."""

    latents: NDArray[np.float32]
    """(B, channels, side, side), of unit deviation."""
    cover: NDArray[np.float32]
    """(B, side, side): share of each cell that shows a subject."""
    scenes: list[Scene]


def covers(pictures: NDArray[np.uint8], empty: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """(B, side, side) share of each cell's pixels that differ from the empty setting."""
    cell = pictures.shape[1] // side
    masks = np.stack([subject_mask(p, e) for p, e in zip(pictures, empty, strict=True)])
    return masks.reshape(-1, side, cell, side, cell).mean(axis=(2, 4), dtype=np.float32)


@torch.no_grad()
def encode_scenes(
    vae: AutoencoderKL,
    key: tuple[int, ...],
    count: int,
    world: World = SECOND,
    shares: Mapping[str, float] = EVEN,
) -> Batch:
    """Draw and encode the scenes of a key; `shares` as in `sample_scene`."""
    drawn = draw_scenes(key, count, world, shares)
    pictures = np.stack([draw(s, flipped, SIZE_PX, world) for s, flipped in drawn])
    empty = np.stack([
        draw(replace(s, subjects=()), flipped, SIZE_PX, world) for s, flipped in drawn
    ])  # fmt: skip
    x = to_tensor(pictures)
    with swift_precision():
        latents = vae.encode(x).latent_dist.mode().float().numpy()
    return Batch(latents, covers(pictures, empty, latents.shape[-1]), [s for s, _ in drawn])


class Stock:
    """Chunks of scenes by number, in files that outlive the process.

    Chunk n lies in slot n mod slots; a chunk is a function of the seed and its number alone, so
    whatever a kill has lost is made again as it was.

    Args:
        folder: Of the files; made where it is missing.
        vae: The frozen autoencoder.
        seed: Of all scenes.
        slots: How many chunks are kept.
        channels: Of the latents.
        side: Cells to a side.
        shares_of: Gives, for a chunk's number, how often subjects are drawn in it.
    """

    def __init__(
        self,
        folder: Path,
        vae: AutoencoderKL,
        seed: int,
        slots: int = 1024,
        channels: int = 16,
        side: int = 16,
        shares_of: Callable[[int], Mapping[str, float]] = lambda _number: EVEN,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._vae, self._seed, self.slots = folder, vae, seed, slots
        self._shares_of = shares_of
        shape = (slots, CHUNK, channels, side, side)
        self._latents = _open(folder / "latents.npy", np.float16, shape)
        self._cover = _open(folder / "cover.npy", np.uint8, (slots, CHUNK, side, side))
        # One more than the number, so that a fresh file of noughts holds nothing.
        self._holds = _open(folder / "holds.npy", np.int64, (slots,))
        self._scenes: dict[int, list[Scene]] = {}

    def fill(self, start: int, stop: int, between: Callable[[], None] | None = None) -> None:
        """Make the chunks of a window that are not there.

        Args:
            start: First chunk.
            stop: Behind the last; at most `slots` chunks.
            between: Called before each chunk that is made.

        Raises:
            ValueError: The window is larger than the stock.
        """
        if stop - start > self.slots:
            raise ValueError(f"{stop - start} chunks do not fit into {self.slots} slots.")
        for number in range(start, stop):
            slot = number % self.slots
            if self._holds[slot] == number + 1:
                continue
            if between is not None:
                between()
            shares = self._shares_of(number)
            made = encode_scenes(self._vae, (self._seed, number), CHUNK, shares=shares)
            self._holds[slot] = 0  # a kill in the middle leaves an empty slot
            self._latents[slot] = made.latents
            self._cover[slot] = np.round(255 * made.cover)
            self._holds[slot] = number + 1
        for gone in [n for n in self._scenes if n < start]:
            del self._scenes[gone]

    def take(self, places: NDArray[np.int64]) -> Batch:
        """The scenes of given places, counted through all chunks; their chunks must be filled."""
        numbers, rows = np.divmod(places, CHUNK)
        slots = numbers % self.slots
        return Batch(
            self._latents[slots, rows].astype(np.float32),
            self._cover[slots, rows].astype(np.float32) / 255.0,
            [self._scenes_of(int(n))[int(r)] for n, r in zip(numbers, rows, strict=True)],
        )

    def _scenes_of(self, number: int) -> list[Scene]:
        if number not in self._scenes:
            self._scenes[number] = [
                s
                for s, _ in draw_scenes((self._seed, number), CHUNK, shares=self._shares_of(number))
            ]
        return self._scenes[number]


def _open(path: Path, dtype: type, shape: tuple[int, ...]) -> np.memmap:
    if path.exists():
        kept = np.load(path, mmap_mode="r+")
        if kept.shape == shape and kept.dtype == dtype:
            return kept
        raise ValueError(f"{path} holds another stock: remove its folder.")
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
