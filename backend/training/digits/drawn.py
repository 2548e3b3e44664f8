"""Drawn digits: strokes with a hand's variation, so that there is something to learn from.

Each digit is a few strokes over control points in a unit square; a drawing moves the points,
bends, leans, turns, widens and places them, and paints the strokes with a round pen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DIGIT_PX = 28
"""Side of the square that a digit is drawn in."""
SIDE_PX = 32
"""Side of a picture: the digit's square in the middle, so that a UNet can halve it three times."""
CLASSES = 10
_POINTS = 6  # between two control points of a curve
_BETWEEN = 64  # drawings from one check to the next


@dataclass(frozen=True)
class Stroke:
    """One line of the pen.

    Attributes:
        points: (n, 2) control points, x to the right and y down, 0..1.
        curved: A smooth curve through them (Catmull-Rom), else straight from one to the next.
        closed: It ends where it began.
    """

    points: tuple[tuple[float, float], ...]
    curved: bool = True
    closed: bool = False


def _line(*points: tuple[float, float]) -> Stroke:
    return Stroke(points, curved=False)


def _curve(*points: tuple[float, float]) -> Stroke:
    return Stroke(points)


_HOOK = _curve((0.2, 0.45), (0.5, 0.38), (0.83, 0.58), (0.72, 0.88), (0.42, 0.97), (0.14, 0.85))
_SEVEN = _line((0.1, 0.06), (0.9, 0.06), (0.42, 0.97))
# Ways to write each digit.
WAYS: tuple[tuple[tuple[Stroke, ...], ...], ...] = (
    (
        (
            Stroke(
                (
                    (0.5, 0.03),
                    (0.17, 0.22),
                    (0.1, 0.6),
                    (0.35, 0.95),
                    (0.7, 0.93),
                    (0.9, 0.55),
                    (0.82, 0.2),
                ),
                closed=True,
            ),
        ),
    ),
    ((_line((0.5, 0.03), (0.5, 0.97)),), (_line((0.25, 0.28), (0.55, 0.03), (0.55, 0.97)),)),
    (
        (
            _curve(
                (0.15, 0.28),
                (0.3, 0.07),
                (0.62, 0.05),
                (0.82, 0.25),
                (0.7, 0.5),
                (0.4, 0.74),
                (0.12, 0.95),
            ),
            _line((0.12, 0.95), (0.9, 0.95)),
        ),
    ),
    (
        (
            _curve((0.17, 0.15), (0.5, 0.03), (0.8, 0.22), (0.66, 0.42), (0.42, 0.47)),
            _curve((0.42, 0.47), (0.72, 0.53), (0.86, 0.75), (0.55, 0.97), (0.13, 0.85)),
        ),
    ),
    (
        (_line((0.66, 0.03), (0.1, 0.66), (0.92, 0.66)), _line((0.66, 0.03), (0.66, 0.97))),
        (_line((0.22, 0.04), (0.15, 0.55), (0.9, 0.55)), _line((0.72, 0.1), (0.7, 0.97))),
    ),
    ((_line((0.82, 0.05), (0.25, 0.05), (0.2, 0.45)), _HOOK),),
    (
        (
            _curve(
                (0.72, 0.05),
                (0.38, 0.25),
                (0.19, 0.6),
                (0.28, 0.9),
                (0.55, 0.97),
                (0.82, 0.77),
                (0.7, 0.54),
                (0.45, 0.52),
                (0.22, 0.7),
            ),
        ),
    ),
    ((_SEVEN,), (_SEVEN, _line((0.35, 0.52), (0.85, 0.5)))),
    (
        (
            Stroke(
                (
                    (0.5, 0.47),
                    (0.2, 0.26),
                    (0.5, 0.03),
                    (0.8, 0.26),
                    (0.5, 0.47),
                    (0.13, 0.74),
                    (0.5, 0.97),
                    (0.87, 0.74),
                ),
                closed=True,
            ),
        ),
    ),
    (
        (
            _curve(
                (0.79, 0.33),
                (0.55, 0.5),
                (0.25, 0.42),
                (0.2, 0.16),
                (0.5, 0.03),
                (0.76, 0.13),
                (0.79, 0.33),
                (0.76, 0.68),
                (0.6, 0.97),
            ),
        ),
    ),
)


def draw(
    count: int, seed: int, check: Callable[[], None] = lambda: None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draws digits, each as often as the others.

    Args:
        count: How many.
        seed: The same seed draws the same, and a longer row begins as a shorter one.
        check: Called now and then; raises to stop.

    Returns:
        (count, 32, 32) uint8, the ink 255 on 0, and (count,) which digits they are.
    """
    labels = np.arange(count, dtype=np.int64) % CLASSES
    pictures = np.empty((count, SIDE_PX, SIDE_PX), np.uint8)
    for first in range(0, count, _BETWEEN):
        check()
        for place in range(first, min(count, first + _BETWEEN)):
            generator = np.random.default_rng((seed, place))
            pictures[place] = _drawn(int(labels[place]), generator)
    return pictures, labels


def _drawn(digit: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    ways = WAYS[digit]
    strokes = ways[int(generator.integers(len(ways)))]
    place = _placing(generator)
    begins, ends = zip(*(_segments(stroke, place, generator) for stroke in strokes), strict=True)
    reach = generator.uniform(0.9, 1.7)
    distance = _distances(np.concatenate(begins), np.concatenate(ends))
    ink = np.clip(reach + 0.5 - distance, 0.0, 1.0)
    return np.round(ink * 255).astype(np.uint8)


def _placing(generator: np.random.Generator) -> Callable[[Floats], Floats]:
    """From the unit square to px: its size, lean, turn and place."""
    height = generator.uniform(0.64, 0.8) * DIGIT_PX
    width = height * generator.uniform(0.55, 0.85)
    lean, turn = generator.uniform(-0.12, 0.3), generator.uniform(-0.12, 0.12)
    middle = SIDE_PX / 2 + generator.uniform(-1.5, 1.5, 2)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    bent = turned @ np.array([[width, -lean * height], [0.0, height]])
    return lambda points: (points - 0.5) @ bent.T + middle


def _segments(
    stroke: Stroke, place: Callable[[Floats], Floats], generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """(n, 2) and (n, 2), in px: where its straight pieces begin and end."""
    points = np.array(stroke.points)
    points = points + generator.normal(0.0, 0.025, points.shape)
    path = place(_smooth(points, stroke.closed) if stroke.curved else points)
    return path[:-1], path[1:]


def _smooth(points: Floats, closed: bool) -> Floats:
    """Points on the Catmull-Rom curve through `points`."""
    if closed:
        around = np.concatenate([points[-1:], points, points[:2]])
    else:
        around = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0.0, 1.0, _POINTS, endpoint=False)[:, None, None]
    a, b, c, d = around[:-3], around[1:-2], around[2:-1], around[3:]
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return np.concatenate([curve.transpose(1, 0, 2).reshape(-1, 2), around[-2:-1]])


def _distances(begins: Floats, ends: Floats) -> Floats:
    """(32, 32): of each pixel's middle from the nearest piece, px."""
    middles = np.arange(SIDE_PX, dtype=np.float32) + 0.5
    (x0, y0), (dx, dy) = begins.T.astype(np.float32), (ends - begins).T.astype(np.float32)
    # By axis, so that most of it is done on (n, 32) and not on (n, 32, 32).
    across, down = middles - x0[:, None], middles - y0[:, None]
    length = np.maximum(dx * dx + dy * dy, 1e-6)[:, None]
    share = (down * dy[:, None] / length)[:, :, None] + (across * dx[:, None] / length)[:, None]
    np.clip(share, 0.0, 1.0, out=share)
    gap = (across[:, None] - share * dx[:, None, None]) ** 2
    gap += (down[:, :, None] - share * dy[:, None, None]) ** 2
    return np.sqrt(gap.min(0)).astype(np.float64)


def sheet(pictures: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Lays (n, h, w) out in rows: (rows h, columns w)."""
    count, height, width = pictures.shape
    rows = -(-count // columns)
    laid = np.zeros((rows * columns, height, width), np.uint8)
    laid[:count] = pictures
    cells: Sequence[int] = (rows, columns, height, width)
    return laid.reshape(cells).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
