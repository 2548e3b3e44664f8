"""The subjects: each is drawn in its own frame, its main body in the caption's colour."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from toyworld.canvas import Pen, Points, box, ellipse, polygon, rounded, smooth, stroke
from toyworld.palette import CREAM, INK, LEAF, RGB, WHITE, WOOD, Tone, mix

Draw = Callable[[Pen, Tone, np.random.Generator], None]

GLASS: RGB = (0.74, 0.90, 0.98)
LAMP: RGB = (1.0, 0.91, 0.55)


def _body(pen: Pen, shape: Points, tone: Tone) -> None:
    """A part in the caption's colour: a thin deep edge under a lit gradient."""
    centre = shape.mean(0)
    grown = shape + 0.045 * (shape - centre) / np.maximum(
        np.linalg.norm(shape - centre, axis=1, keepdims=True), 1e-6
    )
    pen.fill(grown, tone.deep)
    pen.fill(shape, tone.light, tone.dark)


def _eye(pen: Pen, x: float, y: float, r: float) -> None:
    pen.fill(ellipse(x, y, r, r), WHITE)
    pen.fill(ellipse(x + 0.15 * r, y, 0.6 * r, 0.6 * r), INK)


def house(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    slate = mix(tone.deep, (0.35, 0.25, 0.28), 0.5)
    chimney = rng.uniform(0.30, 0.45)
    pen.fill(box(chimney, -0.92, chimney + 0.2, -0.35), mix(slate, WHITE, 0.15), slate)
    _body(pen, box(-0.72, -0.2, 0.72, 1.0), tone)
    roof = polygon((-0.95, -0.15), (0.0, -1.0), (0.95, -0.15))
    pen.fill(roof, mix(slate, WHITE, 0.18), slate)
    door = rng.uniform(-0.18, 0.12)
    pen.fill(rounded(box(door - 0.17, 0.35, door + 0.17, 1.0), 0.12), WOOD, mix(WOOD, INK, 0.3))
    for x in (-0.47, 0.47):
        pen.fill(box(x - 0.17, 0.02, x + 0.17, 0.36), CREAM)
        pen.fill(box(x - 0.12, 0.07, x + 0.12, 0.31), LAMP, mix(LAMP, (0.98, 0.7, 0.3), 0.5))


def tree(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    trunk = polygon((-0.12, 0.1), (0.12, 0.1), (0.2, 1.0), (-0.2, 1.0))
    pen.fill(trunk, WOOD, mix(WOOD, INK, 0.35))
    lobes = [
        (0.72 * math.cos(a), -0.32 + 0.62 * math.sin(a))
        for a in np.linspace(0, 2 * math.pi, 9, endpoint=False) + rng.uniform(0, 0.7)
    ]
    knots: list[tuple[float, float]] = []
    for i, (x, y) in enumerate(lobes):
        far, near = 1.16, 0.94
        nx, ny = lobes[(i + 1) % len(lobes)]
        mx, my = (x + nx) / 2, (y + ny) / 2
        knots.append((x * near, -0.32 + (y + 0.32) * near))
        knots.append((mx * far, -0.32 + (my + 0.32) * far))
    _body(pen, smooth(*knots), tone)
    pen.fill(ellipse(0.25, -0.05, 0.42, 0.32), tone.deep, None, 0.25, 0.12)
    pen.fill(ellipse(-0.28, -0.55, 0.32, 0.24), tone.light, None, 0.6, 0.1)


def boat(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    top = rng.uniform(-1.02, -0.92)
    pen.fill(box(-0.04, top, 0.04, 0.5), WOOD, mix(WOOD, INK, 0.3))
    pen.fill(polygon((0.1, top + 0.05), (0.85, 0.36), (0.1, 0.36)), WHITE, (0.84, 0.86, 0.92))
    _body(pen, polygon((-0.1, top + 0.2), (-0.1, 0.36), (-0.72, 0.36)), tone)
    _body(pen, smooth((-0.98, 0.5), (0.0, 0.52), (0.98, 0.46), (0.68, 0.96), (-0.62, 0.96)), tone)
    pen.fill(polygon((-0.86, 0.62), (0.86, 0.6), (0.8, 0.7), (-0.8, 0.72)), CREAM, None, 0.85)


def fish(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    spread = rng.uniform(0.42, 0.52)
    _body(pen, smooth((0.4, 0.2), (0.95, 0.2 - spread), (0.82, 0.2), (0.95, 0.2 + spread)), tone)
    pen.fill(smooth((-0.3, -0.2), (0.0, -0.62), (0.35, -0.45), (0.3, -0.05)), tone.dark, tone.deep)
    shape = smooth((-0.98, 0.2), (-0.6, -0.2), (0.0, -0.32), (0.62, 0.14), (0.0, 0.74), (-0.6, 0.6))
    _body(pen, shape, tone)
    pen.fill(smooth((-0.7, 0.45), (0.0, 0.4), (0.4, 0.34), (0.0, 0.66)), WHITE, None, 0.3, 0.05)
    pen.fill(smooth((-0.1, 0.2), (0.3, 0.12), (0.22, 0.3), (0.26, 0.46)), tone.dark, tone.deep)
    pen.gloss(-0.25, -0.08, 0.3, 0.1)
    _eye(pen, -0.62, 0.1, 0.13)


def flower(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    sway = rng.uniform(-0.12, 0.12)
    t = np.linspace(0, 1, 10)
    stem = np.stack([sway * np.sin(math.pi * t), -0.25 + 1.25 * t], axis=1)
    pen.fill(stroke(stem, 0.1), LEAF, mix(LEAF, INK, 0.3))
    for side in (-1, 1):
        leaf = smooth((0, 0.75), (side * 0.3, 0.4), (side * 0.58, 0.38), (side * 0.4, 0.66))
        pen.fill(leaf, mix(LEAF, WHITE, 0.2), LEAF)
    turn = rng.uniform(0, 60)
    for i in range(6):
        a = math.radians(turn + 60 * i)
        petal = ellipse(0.4 * math.cos(a), -0.38 + 0.4 * math.sin(a), 0.33, 0.24, turn + 60 * i)
        _body(pen, petal, tone)
    heart_colour = (0.62, 0.36, 0.12) if tone.name in ("yellow", "orange") else (1.0, 0.82, 0.2)
    pen.fill(ellipse(0, -0.38, 0.2, 0.2), heart_colour, mix(heart_colour, WOOD, 0.35))


def mushroom(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    pen.fill(
        smooth((-0.2, 0.0), (0.2, 0.0), (0.28, 0.9), (0.0, 1.0), (-0.28, 0.9)),
        CREAM,
        mix(CREAM, WOOD, 0.35),
    )
    cap = smooth((-0.95, 0.12), (-0.7, -0.55), (0.0, -0.9), (0.7, -0.55), (0.95, 0.12), (0, 0.26))
    _body(pen, cap, tone)
    spot = (0.72, 0.74, 0.8) if tone.name == "white" else WHITE
    shift = rng.uniform(-0.08, 0.08)
    for x, y, r in ((-0.48, -0.25, 0.15), (0.08, -0.5, 0.18), (0.55, -0.16, 0.14)):
        pen.fill(ellipse(x + shift, y, r, 0.85 * r), spot)


def cat(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    t = np.linspace(0, 1, 12)
    lift = rng.uniform(0.9, 1.2)
    tail = np.stack([0.35 + 0.5 * np.sin(1.9 * t), 0.86 - lift * t**1.3], axis=1)
    pen.fill(stroke(tail, 0.26, 0.18), tone.deep)
    pen.fill(stroke(tail, 0.19, 0.11), tone.base, tone.dark)
    _body(pen, smooth((-0.28, -0.1), (0.28, -0.1), (0.55, 0.75), (0.4, 0.99), (-0.4, 0.99),
                      (-0.55, 0.75)), tone)  # fmt: skip
    for side in (-1, 1):
        _body(pen, polygon((side * 0.14, -0.66), (side * 0.5, -1.02), (side * 0.5, -0.4)), tone)
        pen.fill(
            polygon((side * 0.27, -0.68), (side * 0.43, -0.86), (side * 0.43, -0.55)),
            (0.98, 0.7, 0.74),
        )
    _body(pen, ellipse(0, -0.36, 0.54, 0.44), tone)
    for side in (-1, 1):
        pen.fill(ellipse(side * 0.22, -0.4, 0.12, 0.13), (0.95, 0.97, 0.75))
        pen.fill(ellipse(side * 0.22, -0.4, 0.055, 0.11), INK)
    pen.fill(polygon((-0.07, -0.22), (0.07, -0.22), (0, -0.13)), (0.98, 0.6, 0.66))
    pen.fill(ellipse(0, 0.5, 0.2, 0.34), WHITE, None, 0.22, 0.06)


def car(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    back = rng.uniform(-0.74, -0.62)
    cabin = polygon((back, 0.2), (-0.42, -0.32), (0.32, -0.32), (0.66, 0.2))
    _body(pen, rounded(cabin, 0.15), tone)
    for pane in (
        polygon((-0.5, 0.14), (-0.34, -0.2), (-0.06, -0.2), (-0.06, 0.14)),
        polygon((0.06, 0.14), (0.06, -0.2), (0.26, -0.2), (0.48, 0.14)),
    ):
        pen.fill(pane, mix(GLASS, WHITE, 0.5), mix(GLASS, (0.3, 0.5, 0.7), 0.4))
    _body(pen, rounded(box(-1.0, 0.14, 1.0, 0.74), 0.2), tone)
    pen.fill(ellipse(0.88, 0.36, 0.09, 0.1), LAMP)
    pen.fill(box(-0.7, 0.22, 0.6, 0.28), WHITE, None, 0.35, 0.02)
    for x in (-0.54, 0.54):
        pen.fill(ellipse(x, 0.74, 0.27, 0.27), INK)
        pen.fill(ellipse(x, 0.74, 0.13, 0.13), (0.85, 0.87, 0.9), (0.6, 0.62, 0.68))


def star(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    inner = rng.uniform(0.44, 0.5)
    corners = [
        (r * math.sin(math.pi * i / 5), -r * math.cos(math.pi * i / 5))
        for i in range(10)
        for r in [1.0 if i % 2 == 0 else inner]
    ]
    _body(pen, rounded(polygon(*corners), 0.2), tone)
    pen.gloss(-0.18, -0.3, 0.2, 0.14, 0.45)


def heart(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    t = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    x = np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    _body(pen, np.stack([x, y * rng.uniform(0.95, 1.02)], axis=1), tone)
    pen.gloss(-0.45, -0.4, 0.22, 0.15, 0.5)


def balloon(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    t = np.linspace(0, 1, 16)
    wave = rng.uniform(0.06, 0.1)
    string = np.stack([wave * np.sin(6 * t), 0.42 + 0.58 * t], axis=1)
    pen.fill(stroke(string, 0.045), (0.93, 0.93, 0.93), (0.6, 0.6, 0.62))
    pen.fill(polygon((-0.1, 0.5), (0.0, 0.34), (0.1, 0.5)), tone.dark, tone.deep)
    shape = smooth((0, -1.0), (0.52, -0.78), (0.64, -0.3), (0.38, 0.18), (0, 0.4), (-0.38, 0.18),
                   (-0.64, -0.3), (-0.52, -0.78))  # fmt: skip
    _body(pen, shape, tone)
    pen.gloss(-0.24, -0.58, 0.13, 0.22, 0.55)


def bird(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    beak = (0.99, 0.62, 0.12) if tone.name != "orange" else (0.55, 0.34, 0.14)
    for x in (-0.05, 0.18):
        pen.fill(box(x - 0.03, 0.6, x + 0.03, 1.0), mix(beak, WOOD, 0.4))
    _body(pen, polygon((0.4, 0.1), (1.02, -0.28), (1.0, 0.06), (0.5, 0.5)), tone)
    pen.fill(polygon((-0.72, -0.56), (-1.05, -0.4), (-0.68, -0.28)), beak, mix(beak, WOOD, 0.3))
    shape = smooth((-0.5, -0.8), (-0.16, -0.6), (0.08, -0.2), (0.62, 0.12), (0.3, 0.62),
                   (-0.3, 0.64), (-0.62, 0.2), (-0.74, -0.5))  # fmt: skip
    _body(pen, shape, tone)
    low = rng.uniform(0.32, 0.42)
    pen.fill(smooth((-0.2, 0.0), (0.2, -0.08), (0.72, 0.16), (0.1, low)), tone.dark, tone.deep)
    pen.fill(ellipse(-0.4, 0.3, 0.14, 0.24), WHITE, None, 0.28, 0.06)
    _eye(pen, -0.48, -0.48, 0.1)


def cup(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    t = np.linspace(-1.5, 1.5, 16)
    handle = np.stack([0.5 + 0.42 * np.cos(t), 0.22 + 0.36 * np.sin(t)], axis=1)
    pen.fill(stroke(handle, 0.22), tone.deep)
    pen.fill(stroke(handle, 0.14), tone.base, tone.dark)
    side = smooth((-0.66, -0.34), (-0.62, 0.5), (-0.46, 0.95), (0.46, 0.95), (0.62, 0.5),
                  (0.66, -0.34), (0.0, -0.28))  # fmt: skip
    _body(pen, side, tone)
    pen.fill(ellipse(0, -0.36, 0.68, 0.17), tone.light, tone.base)
    pen.fill(ellipse(0, -0.35, 0.56, 0.115), (0.36, 0.21, 0.12))
    pen.gloss(-0.42, 0.2, 0.07, 0.3, 0.4)
    y = np.linspace(-0.5, -1.0, 10)
    for x in (-0.2, 0.18):
        wisp = np.stack([x + 0.07 * np.sin(9 * y + rng.uniform(0, 6)), y], axis=1)
        pen.fill(stroke(wisp, 0.08, 0.03), WHITE, None, 0.6, 0.02)


def umbrella(pen: Pen, tone: Tone, rng: np.random.Generator) -> None:
    t = np.linspace(0, math.pi, 10)
    hook = np.stack([0.14 - 0.14 * np.cos(t), 0.82 + 0.16 * np.sin(t)], axis=1)
    shaft = np.concatenate([np.array([[0.0, -0.98], [0.0, 0.2]]), hook])
    pen.fill(stroke(shaft, 0.075), WOOD, mix(WOOD, INK, 0.3))
    a = np.linspace(math.pi, 2 * math.pi, 24)
    rim = rng.uniform(0.0, 0.08)
    dome = np.stack([0.98 * np.cos(a), rim + 0.9 * np.sin(a)], axis=1)
    edge = np.linspace(0.98, -0.98, 33)
    scallops = np.stack([edge, rim + 0.1 * (1 - np.abs(np.cos(2 * math.pi * (edge + 0.98) / 1.96)))
                         - 0.02], axis=1)  # fmt: skip
    _body(pen, np.concatenate([dome, scallops]), tone)
    for x in (-0.5, 0.0, 0.5):
        u = np.linspace(0, 1, 10)
        rib = np.stack([x * np.sin(u * math.pi / 2), -0.88 + (0.86 + rim) * u**1.6], axis=1)
        pen.fill(stroke(rib, 0.045), tone.deep, None, 0.65)
    pen.gloss(-0.5, -0.45, 0.2, 0.13)


SUBJECTS: MappingProxyType[str, Draw] = MappingProxyType(
    {
        draw.__name__: draw
        for draw in (
            house, tree, boat, fish, flower, mushroom, cat,
            car, star, heart, balloon, bird, cup, umbrella,
        )
    }
)  # fmt: skip
"""Caption word -> drawing, in the order of the score's tables."""

FLOATING = frozenset({"star", "heart", "balloon"})
"""Subjects that hover above the ground."""
