"""From a scene to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toyworld.canvas import Canvas, Pen, Sketch, ellipse
from toyworld.palette import INK, RGB, mix, tone
from toyworld.scene import Scene, Subject
from toyworld.settings import SETTINGS
from toyworld.subjects import FLOATING, SUBJECTS
from toyworld.world import FIRST, World

_PLACE_ALONE = {"left": 0.28, "centre": 0.5, "right": 0.72}
_PLACE_PAIRED = {"left": 0.26, "centre": 0.5, "right": 0.74}
_DARK = frozenset({"night sky", "forest"})
_DEEP = frozenset({"black", "brown", "purple", "blue"})


@dataclass(frozen=True)
class Shift:
    """How far the subjects are from where the scene puts them.

    Attributes:
        across: To the right, in picture widths.
        down: In picture heights.
        turn_deg: Clockwise or not, as the pen turns.
    """

    across: float = 0.0
    down: float = 0.0
    turn_deg: float = 0.0


STILL = Shift()


def _place(
    subject: Subject, scene: Scene, rng: np.random.Generator, world: World
) -> tuple[float, float, float]:
    """Where a subject stands: its middle, its lowest point and its radius, in picture units."""
    paired = len(scene.subjects) > 1
    radii = world.radius_paired if paired else world.radius_alone
    radius = radii[subject.size] * rng.uniform(0.93, 1.07)
    x = (_PLACE_PAIRED if paired else _PLACE_ALONE)[subject.position]
    sway = world.sway[1 if paired else 0]
    x += rng.uniform(-sway, sway)
    edge = radius + 0.01 + world.outline
    x = float(np.clip(x, edge, 1.0 - edge))
    foot = rng.uniform(*(world.floating if subject.name in FLOATING else world.standing))
    return x, max(foot, 2 * radius + 0.05), radius


def _ink(subject: Subject, scene: Scene) -> RGB:
    """The outline: dark, but light where a dark thing stands in the dark."""
    if scene.setting in _DARK and subject.colour in _DEEP:
        return (0.90, 0.91, 0.96)
    return mix(tone(subject.colour).base, INK, 0.82)


def _draw(
    canvas: Canvas,
    subject: Subject,
    scene: Scene,
    rng: np.random.Generator,
    world: World,
    shift: Shift,
) -> None:
    x, foot, radius = _place(subject, scene, rng, world)
    x, foot = x + shift.across, foot + shift.down
    floats = subject.name in FLOATING
    shadow_y = max(foot, 0.88) if floats else foot - 0.01
    canvas.fill(
        ellipse(x + 0.1 * radius, shadow_y, 0.8 * radius, 0.16 * radius),
        (0.05, 0.06, 0.15),
        None,
        0.25 if floats else 0.45,
        0.08 * radius,
    )
    sketch = Sketch() if world.outline > 0 else None
    pen = Pen(
        canvas if sketch is None else sketch,
        centre_x=x,
        centre_y=foot - radius,
        radius=radius,
        flip=bool(rng.random() < 0.5),
        turn_deg=(rng.uniform(-8, 8) if floats else rng.uniform(-2.5, 2.5)) + shift.turn_deg,
        stretch=rng.uniform(0.93, 1.05),
    )
    if scene.setting in _DARK:
        glow = ellipse(x, foot - radius, 0.95 * radius, 0.95 * radius)
        canvas.fill(glow, (0.75, 0.78, 0.95), None, 0.22, 0.25 * radius)
    SUBJECTS[subject.name](pen, tone(subject.colour), rng)
    if sketch is not None:
        sketch.draw(canvas, _ink(subject, scene), world.outline)


def render(
    scene: Scene, size_px: int = 256, world: World = FIRST, shift: Shift = STILL
) -> NDArray[np.uint8]:
    """Draw a scene.

    Args:
        scene: what to draw; its seed decides all variation, at any size.
        size_px: width and height.
        world: the version of the world.
        shift: where the subjects are; the ground stays.

    Returns:
        (size_px, size_px, 3) uint8 RGB.
    """
    rng = np.random.default_rng(scene.seed)
    canvas = Canvas(size_px)
    SETTINGS[scene.setting](canvas, rng, world)
    for subject in scene.subjects:
        _draw(canvas, subject, scene, rng, world, shift)
    return canvas.to_bytes()
