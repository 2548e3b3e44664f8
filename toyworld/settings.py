"""The settings: backgrounds with soft light, each with its own ground."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from toyworld.canvas import Canvas, ellipse, polygon
from toyworld.palette import INK, RGB, WHITE, mix
from toyworld.world import World

Paint = Callable[[Canvas, np.random.Generator, World], None]


def _ridge(
    canvas: Canvas, rng: np.random.Generator, height: float, swing: float, top: RGB, low: RGB
) -> None:
    """Rolling ground from `height` (0 top, 1 bottom) down, of two slow waves."""
    x = np.linspace(-0.02, 1.02, 40)
    a, b = rng.uniform(0, 2 * math.pi, 2)
    y = height + swing * (np.sin(3.1 * x + a) + 0.5 * np.sin(7.3 * x + b))
    shore = np.stack([x, y], axis=1)
    canvas.fill(np.concatenate([shore, [[1.02, 1.3], [-0.02, 1.3]]]), top, low)


def _cloud(canvas: Canvas, x: float, y: float, size: float, tint: RGB, alpha: float) -> None:
    for dx, dy, r in (
        (-0.9, 0.12, 0.5),
        (-0.3, -0.15, 0.7),
        (0.35, -0.05, 0.62),
        (0.95, 0.15, 0.45),
    ):
        canvas.fill(
            ellipse(x + dx * size, y + dy * size, r * size, 0.62 * r * size),
            tint,
            None,
            alpha,
            0.014,
        )


def blue_sky(canvas: Canvas, rng: np.random.Generator, world: World) -> None:
    canvas.gradient([(0, (0.22, 0.55, 0.93)), (0.75, (0.66, 0.86, 0.99)), (1, (0.8, 0.93, 1.0))])
    for _ in range(rng.integers(2, 4)):
        _cloud(
            canvas, rng.uniform(0, 1), rng.uniform(0.08, 0.4), rng.uniform(0.08, 0.13), WHITE, 0.8
        )
    start = rng.uniform(-0.05, 0.05)
    for i in range(6):
        x = start + 0.2 * i
        r = rng.uniform(0.13, 0.18)
        canvas.fill(ellipse(x, 0.97, r, 0.8 * r), WHITE, (0.86, 0.92, 0.99), 0.95, 0.012)


def night_sky(canvas: Canvas, rng: np.random.Generator, world: World) -> None:
    canvas.gradient([(0, (0.05, 0.06, 0.20)), (0.6, (0.13, 0.15, 0.42)), (1, (0.30, 0.27, 0.58))])
    for _ in range(world.stars):
        x, y, r = rng.uniform(0.02, 0.98), rng.uniform(0.02, 0.62), rng.uniform(0.006, 0.011)
        r *= world.speck
        canvas.fill(ellipse(x, y, r, r), (1.0, 0.98, 0.85))
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.2)
    canvas.fill(ellipse(x, y, 0.11, 0.11), (0.9, 0.9, 0.8), None, 0.25, 0.03)
    canvas.fill(ellipse(x, y, 0.06, 0.06), (1.0, 0.98, 0.86), (0.88, 0.86, 0.72))
    _ridge(canvas, rng, 0.70, 0.02, (0.20, 0.21, 0.48), (0.12, 0.12, 0.32))
    _ridge(canvas, rng, 0.80, 0.02, (0.15, 0.16, 0.40), (0.08, 0.08, 0.24))


def sunset(canvas: Canvas, rng: np.random.Generator, world: World) -> None:
    canvas.gradient(
        [(0, (0.42, 0.24, 0.56)), (0.3, (0.88, 0.38, 0.48)), (0.6, (1.0, 0.66, 0.36)),
         (0.72, (1.0, 0.82, 0.5)), (1, (1.0, 0.8, 0.5))]
    )  # fmt: skip
    x = rng.uniform(0.15, 0.85)
    canvas.fill(ellipse(x, 0.62, 0.2, 0.2), (1.0, 0.86, 0.5), None, 0.5, 0.05)
    canvas.fill(ellipse(x, 0.62, 0.115, 0.115), (1.0, 0.97, 0.78), (1.0, 0.84, 0.42))
    for _ in range(2):
        _cloud(canvas, rng.uniform(0, 1), rng.uniform(0.1, 0.35), 0.1, (1.0, 0.68, 0.6), 0.5)
    _ridge(canvas, rng, 0.68, 0.018, (0.66, 0.34, 0.48), (0.46, 0.22, 0.42))
    _ridge(canvas, rng, 0.79, 0.018, (0.46, 0.24, 0.42), (0.26, 0.13, 0.30))


def grass(canvas: Canvas, rng: np.random.Generator, world: World) -> None:
    canvas.gradient([(0, (0.62, 0.86, 0.98)), (0.6, (0.90, 0.97, 0.98)), (1, WHITE)])
    _cloud(canvas, rng.uniform(0, 1), rng.uniform(0.1, 0.3), rng.uniform(0.07, 0.11), WHITE, 0.8)
    _ridge(canvas, rng, 0.56, 0.03, (0.62, 0.84, 0.45), (0.44, 0.72, 0.34))
    _ridge(canvas, rng, 0.68, 0.02, (0.54, 0.80, 0.32), (0.28, 0.58, 0.22))
    blade = np.array([(-0.018, 0), (-0.012, -0.035), (0, -0.012), (0.006, -0.045), (0.018, 0)])
    for _ in range(world.tufts):
        x, y = rng.uniform(0, 1), rng.uniform(0.8, 0.98)
        canvas.fill(world.speck * blade + (x, y), (0.22, 0.50, 0.18))


def sea(canvas: Canvas, rng: np.random.Generator, world: World) -> None:
    canvas.gradient([(0, (0.70, 0.88, 0.97)), (0.5, (0.96, 0.97, 0.93)), (1, WHITE)])
    _cloud(canvas, rng.uniform(0, 1), rng.uniform(0.1, 0.28), rng.uniform(0.07, 0.11), WHITE, 0.8)
    canvas.fill(polygon((-0.1, 0.5), (1.1, 0.5), (1.1, 1.1), (-0.1, 1.1)), (0.30, 0.74, 0.84),
                (0.05, 0.36, 0.62))  # fmt: skip
    x = np.linspace(-0.02, 1.02, 60)
    for y in (0.58, 0.68, 0.79, 0.9):
        phase, waves = rng.uniform(0, 2 * math.pi), rng.uniform(4, 5) * (1.9 - y)
        crest = y + 0.012 * np.sin(2 * math.pi * waves * x + phase)
        band = np.concatenate(
            [
                np.stack([x, crest], 1),
                np.stack([x, crest + 0.014 * np.sin(9 * x + phase) + 0.02], 1)[::-1],
            ]
        )
        canvas.fill(band, (0.75, 0.94, 0.97), None, 0.55)


def sand(canvas: Canvas, rng: np.random.Generator, world: World) -> None:
    canvas.gradient([(0, (0.45, 0.78, 0.86)), (0.55, (0.98, 0.93, 0.76)), (1, (1.0, 0.9, 0.7))])
    x = rng.uniform(0.1, 0.9)
    canvas.fill(ellipse(x, 0.14, 0.12, 0.12), (1.0, 0.96, 0.7), None, 0.5, 0.03)
    canvas.fill(ellipse(x, 0.14, 0.065, 0.065), (1.0, 0.98, 0.82))
    _ridge(canvas, rng, 0.57, 0.03, (0.95, 0.80, 0.52), (0.86, 0.66, 0.38))
    _ridge(canvas, rng, 0.68, 0.025, (0.98, 0.86, 0.60), (0.88, 0.68, 0.40))
    _ridge(canvas, rng, 0.86, 0.02, (0.96, 0.82, 0.55), (0.84, 0.64, 0.37))


def snow(canvas: Canvas, rng: np.random.Generator, world: World) -> None:
    canvas.gradient([(0, (0.56, 0.66, 0.80)), (0.6, (0.80, 0.86, 0.93)), (1, WHITE)])
    for i in range(3):
        x = (i + rng.uniform(0.1, 0.9)) / 3
        h = rng.uniform(0.18, 0.26)
        for up, w in ((0.0, 0.09), (0.33, 0.07), (0.62, 0.05)):
            y = 0.66 - up * h
            pine = polygon((x - w, y), (x, y - 0.45 * h), (x + w, y))
            canvas.fill(pine, (0.62, 0.74, 0.80), (0.40, 0.54, 0.62))
    _ridge(canvas, rng, 0.62, 0.02, (0.93, 0.96, 1.0), (0.78, 0.85, 0.94))
    _ridge(canvas, rng, 0.74, 0.02, (0.99, 0.99, 1.0), (0.84, 0.89, 0.97))
    for _ in range(world.flakes):
        x, y, r = rng.uniform(0, 1), rng.uniform(0, 0.7), rng.uniform(0.007, 0.012)
        r *= world.speck
        canvas.fill(ellipse(x, y, r, r), WHITE, None, 0.95)


def forest(canvas: Canvas, rng: np.random.Generator, world: World) -> None:
    canvas.gradient([(0, (0.10, 0.30, 0.22)), (0.6, (0.42, 0.62, 0.38)), (1, (0.3, 0.45, 0.25))])
    canvas.fill(
        ellipse(rng.uniform(0.25, 0.75), 0.5, 0.3, 0.25), (0.86, 0.92, 0.62), None, 0.45, 0.08
    )
    for count, shade, width in ((5, 0.25, 0.03), (4, 0.0, 0.05)):
        for i in range(count):
            x = (i + rng.uniform(0.1, 0.9)) / count
            w = width * rng.uniform(0.8, 1.2)
            bark = mix((0.27, 0.20, 0.16), (0.36, 0.50, 0.34), 2 * shade)
            trunk = polygon(
                (x - 0.7 * w, -0.05), (x + 0.7 * w, -0.05), (x + w, 0.78), (x - w, 0.78)
            )
            canvas.fill(trunk, mix(bark, WHITE, 0.08), mix(bark, INK, 0.25))
    for i in range(6):
        x, r = 0.2 * i + rng.uniform(-0.05, 0.05), rng.uniform(0.13, 0.18)
        canvas.fill(ellipse(x, -0.02, r, 0.9 * r), (0.13, 0.40, 0.24), (0.05, 0.22, 0.15), 1, 0.006)
    _ridge(canvas, rng, 0.70, 0.015, (0.28, 0.40, 0.18), (0.17, 0.25, 0.12))


SETTINGS: MappingProxyType[str, Paint] = MappingProxyType(
    {
        "blue sky": blue_sky,
        "night sky": night_sky,
        "sunset": sunset,
        "grass": grass,
        "sea": sea,
        "sand": sand,
        "snow": snow,
        "forest": forest,
    }
)
"""Setting -> painter, in the order of the score's tables."""
