"""A clip: frames in order, and which of a film's frames make one. Plain values."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels

MOST_FRAMES = 300
_FRAME = "frame_"


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames in order.

    Attributes:
        frames: (H, W, 3) uint8 RGB each, all of one size; 1 to `MOST_FRAMES`.
        fps: Frames a second at which they move as they did.
    """

    frames: tuple[Pixels, ...]
    fps: float

    @property
    def sha256(self) -> str:
        """Of all pixels, frame after frame."""
        digest = hashlib.sha256()
        for frame in self.frames:
            digest.update(frame.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Cut:
    """Which frames of a film are taken.

    Attributes:
        first: The first one, counted from 0.
        last: The last one that may be taken; None goes on to the end.
        every: Every so-many-th from the first on.
    """

    first: int = 0
    last: int | None = None
    every: int = 1

    def takes(self, index: int) -> bool:
        """Whether frame `index` is one of them."""
        within = self.first <= index and (self.last is None or index <= self.last)
        return within and (index - self.first) % self.every == 0

    def count(self, length: int) -> int:
        """How many of a film of that many frames are taken."""
        end = length if self.last is None else min(length, self.last + 1)
        return max(0, -(-(end - self.first) // self.every))

    def check(self, length: int) -> None:
        """Refuses what a film of that many frames does not have, or too much of it.

        Raises:
            BadInput: Says what to choose instead.
        """
        taken = self.count(length)
        if not taken:
            raise BadInput(
                f"The clip has {length} frames, and frame {self.first} was to be the first; "
                "frames are counted from 0.",
                "first_frame",
            )
        if taken > MOST_FRAMES:
            raise too_many(taken, self.every)


def too_many(taken: int, every: int, *, at_least: bool = False) -> BadInput:
    """That a clip would be longer than it may be.

    Args:
        taken: How many frames it would have.
        every: As the cut says now.
        at_least: There may be more of them.
    """
    about = "more than " if at_least else ""
    wanted = every * -(-taken // MOST_FRAMES) if not at_least else 2 * every
    return BadInput(
        f"That is {about}{taken - 1 if at_least else taken} frames, and a clip has at most "
        f"{MOST_FRAMES}; choose a shorter part by its first and last frame, or take every "
        f"{wanted}th frame.",
        "last_frame",
    )


def as_pictures(clip: Clip) -> dict[str, Pixels]:
    """The frames as pictures of a request, by names that sort as they follow."""
    return {f"{_FRAME}{index:04d}": frame for index, frame in enumerate(clip.frames)}


def frame_names(given: Collection[str]) -> list[str]:
    """Those of a request's pictures that are frames of its clip, in order."""
    return sorted(name for name in given if name.startswith(_FRAME))
