"""The world of `pocket-pixels`: one thing on plain ground, in few pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toyworld.canvas import Canvas, Pen
from toyworld.palette import COLOURS, WHITE, mix, tone
from toyworld.subjects import SUBJECTS

SIDE_PX = 32
NAMES = tuple(SUBJECTS)
"""What each class is; the label of `NAMES[i]` is i."""


def thing(seed: int, index: int, size_px: int = SIDE_PX) -> tuple[NDArray[np.uint8], int]:
    """The picture at a place of a pool, (size_px, size_px, 3), and its label.

    The thing is of one colour, the ground a pale shade of another.
    """
    rng = np.random.default_rng((seed, index, 32))
    label = int(rng.integers(len(NAMES)))
    colour, ground = (str(name) for name in rng.choice(tuple(COLOURS), 2, replace=False))
    pale = mix(COLOURS[ground], WHITE, rng.uniform(0.55, 0.8))
    canvas = Canvas(size_px)
    canvas.gradient([(0.0, pale), (1.0, mix(pale, COLOURS[ground], 0.15))])
    radius = rng.uniform(0.28, 0.36)
    pen = Pen(
        canvas,
        centre_x=0.5 + rng.uniform(-0.06, 0.06),
        centre_y=0.5 + rng.uniform(-0.06, 0.06),
        radius=radius,
        flip=bool(rng.random() < 0.5),
        turn_deg=rng.uniform(-8.0, 8.0),
        stretch=rng.uniform(0.93, 1.05),
    )
    SUBJECTS[NAMES[label]](pen, tone(colour), rng)
    return canvas.to_bytes(), label


@dataclass(frozen=True)
class Things:
    """A pool of pictures.

    Attributes:
        pixels: (count, side, side, 3) uint8.
        labels: (count,) of their classes.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


def drawn(seed: int, count: int, size_px: int = SIDE_PX) -> Things:
    """Draws a pool; the same for the same seed."""
    made = [thing(seed, index, size_px) for index in range(count)]
    labels = np.array([label for _, label in made], dtype=np.int64)
    return Things(np.stack([pixels for pixels, _ in made]), labels)


def pool(folder: Path, seed: int, count: int, size_px: int = SIDE_PX) -> Things:
    """Draws a pool, or opens it where the folder has it already."""
    path = folder / f"things-{seed}-{size_px}px-{count}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = drawn(seed, count, size_px)
        aside = path.with_suffix(".part.npz")
        np.savez(aside, pixels=made.pixels, labels=made.labels)
        aside.rename(path)
    with np.load(path) as kept:
        return Things(kept["pixels"], kept["labels"])
