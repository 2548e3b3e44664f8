"""Scenes in motion: the subjects move and turn over a ground that holds still.

`python -m toyworld.motion FOLDER` writes the clips of `CLIPS`, as they lie in bench/data/clips.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from backend.engine.exports.video import mp4
from toyworld.render import Shift, render
from toyworld.scene import Scene, Subject
from toyworld.world import FIRST, World

FPS = 12
SIZE_PX = 256


@dataclass(frozen=True)
class Course:
    """A motion from one end to the other, slow at both.

    Attributes:
        across: Way to the right, in picture widths; half of it lies on each side of the scene's.
        hop: Height of an arc over the way, in picture heights.
        turn_deg: Turn over the whole way.
    """

    across: float = 0.0
    hop: float = 0.0
    turn_deg: float = 0.0

    def at(self, time: float) -> Shift:
        """Where it is at a time, 0..1."""
        eased = (1 - math.cos(math.pi * time)) / 2
        return Shift(
            self.across * (eased - 0.5),
            -self.hop * math.sin(math.pi * time),
            self.turn_deg * (eased - 0.5),
        )


@dataclass(frozen=True)
class Take:
    """A scene, its motion and its length in frames."""

    scene: Scene
    course: Course
    frames: int


CLIPS = MappingProxyType(
    {
        "house-slides": Take(Scene((Subject("house", "red"),), "grass", 7), Course(across=0.3), 16),
        "balloon-rises": Take(
            Scene((Subject("balloon", "yellow"),), "blue sky", 3), Course(0.25, 0.12, 20), 24
        ),
        "boat-rocks": Take(
            Scene((Subject("boat", "blue"),), "sea", 11), Course(across=-0.3, turn_deg=16), 20
        ),
    }
)


def drawn(take: Take, size_px: int = SIZE_PX, world: World = FIRST) -> Iterator[NDArray[np.uint8]]:
    """The frames of a take, in order."""
    for index in range(take.frames):
        shift = take.course.at(index / (take.frames - 1))
        yield render(take.scene, size_px, world, shift)


def main() -> None:
    """Writes the clips."""
    parser = argparse.ArgumentParser(description="Short clips of drawn scenes in motion.")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, take in CLIPS.items():
        (folder / f"{name}.mp4").write_bytes(mp4(drawn(take), FPS))


if __name__ == "__main__":
    main()
