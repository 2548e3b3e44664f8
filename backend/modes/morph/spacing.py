"""Even steps: where frames are missing, and which of too many to leave out.

The perceptual distance between neighbours is measured; a new frame goes into the widest gap, so
that no frame is drawn twice (DiffMorpher, sec. 3.5, draws all of them a second time instead).
"""

from __future__ import annotations

import statistics
from bisect import insort
from collections.abc import Callable, Sequence
from itertools import pairwise

SPARE = 8  # one frame more than asked for each so many
FIRST_SHARE = 0.6
ROUNDS = 2
EVEN_RATIO = 1.25  # gaps whose widest is at most so much over their mean are even


def plan(frames: int) -> tuple[int, tuple[int, ...]]:
    """Frames to draw at first, and in each later round; an eighth more than asked in all."""
    total = frames + -(-frames // SPARE)
    first = max(3, round(FIRST_SHARE * frames))
    rest = total - first
    return first, (-(-rest // ROUNDS), rest // ROUNDS)


def insertions(at: Sequence[float], gaps: Sequence[float], count: int) -> list[float]:
    """Positions of new frames: each time the widest part of a gap is divided.

    Args:
        at: Positions of the frames, rising.
        gaps: Distance from each to the next.
        count: New frames.
    """
    parts = [1] * len(gaps)
    for _ in range(count):
        widest = max(range(len(gaps)), key=lambda i: gaps[i] / parts[i])
        parts[widest] += 1
    new: list[float] = []
    for (a, b), cut in zip(pairwise(at), parts, strict=True):
        for i in range(1, cut):
            insort(new, a + (b - a) * i / cut)
    return new


def chosen(count: int, wanted: int, between: Callable[[int, int], float]) -> list[int]:
    """Which of `count` frames to keep: each time the one whose neighbours are nearest goes.

    Args:
        count: Frames at hand, in order; the ends always stay.
        wanted: Frames to keep.
        between: Distance of two of them.
    """
    kept = list(range(count))
    while len(kept) > wanted:
        inner = range(1, len(kept) - 1)
        nearest = min(inner, key=lambda i: between(kept[i - 1], kept[i + 1]))
        del kept[nearest]
    return kept


def respaced(at: Sequence[float], gaps: Sequence[float], frames: int) -> tuple[float, ...]:
    """Positions at even distances, by the distances of a first run (linear in between)."""
    reached = [0.0]
    for gap in gaps:
        reached.append(reached[-1] + gap)
    result: list[float] = []
    piece = 0
    for i in range(frames):
        goal = reached[-1] * i / (frames - 1)
        while piece < len(gaps) - 1 and reached[piece + 1] < goal:
            piece += 1
        share = (goal - reached[piece]) / gaps[piece] if gaps[piece] > 0 else 0.0
        result.append(at[piece] + (at[piece + 1] - at[piece]) * min(1.0, share))
    return (0.0, *result[1:-1], 1.0)


def even(gaps: Sequence[float]) -> bool:
    """Whether no gap stands out."""
    return max(gaps) <= EVEN_RATIO * statistics.fmean(gaps)


def path_length(gaps: Sequence[float]) -> float:
    """PPL: the sum of the distances."""
    return sum(gaps)


def spread(gaps: Sequence[float]) -> float:
    """PDV: the variance of the distances."""
    return statistics.pvariance(gaps) if gaps else 0.0
