"""From a scene to pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toyworld.canvas import Canvas, Pen, ellipse
from toyworld.palette import tone
from toyworld.scene import Scene, Subject
from toyworld.settings import SETTINGS
from toyworld.subjects import FLOATING, SUBJECTS

_RADIUS_ALONE = {"small": 0.165, "medium": 0.235, "big": 0.315}
_RADIUS_PAIRED = {"small": 0.150, "medium": 0.190, "big": 0.225}
_PLACE_ALONE = {"left": 0.28, "centre": 0.5, "right": 0.72}
_PLACE_PAIRED = {"left": 0.26, "centre": 0.5, "right": 0.74}
_DARK = frozenset({"night sky", "forest"})


def _draw(canvas: Canvas, subject: Subject, scene: Scene, rng: np.random.Generator) -> None:
    paired = len(scene.subjects) > 1
    radius = (_RADIUS_PAIRED if paired else _RADIUS_ALONE)[subject.size] * rng.uniform(0.93, 1.07)
    x = (_PLACE_PAIRED if paired else _PLACE_ALONE)[subject.position] + rng.uniform(-0.045, 0.045)
    x = float(np.clip(x, radius + 0.01, 0.99 - radius))
    floats = subject.name in FLOATING
    foot = rng.uniform(0.56, 0.78) if floats else rng.uniform(0.80, 0.90)
    foot = max(foot, 2 * radius + 0.05)
    shadow_y = max(foot, 0.88) if floats else foot - 0.01
    canvas.fill(
        ellipse(x + 0.1 * radius, shadow_y, 0.8 * radius, 0.16 * radius),
        (0.05, 0.06, 0.15),
        None,
        0.25 if floats else 0.45,
        0.08 * radius,
    )
    pen = Pen(
        canvas,
        centre_x=x,
        centre_y=foot - radius,
        radius=radius,
        flip=bool(rng.random() < 0.5),
        turn_deg=rng.uniform(-8, 8) if floats else rng.uniform(-2.5, 2.5),
        stretch=rng.uniform(0.93, 1.05),
    )
    if scene.setting in _DARK:
        glow = ellipse(x, foot - radius, 0.95 * radius, 0.95 * radius)
        canvas.fill(glow, (0.75, 0.78, 0.95), None, 0.22, 0.25 * radius)
    SUBJECTS[subject.name](pen, tone(subject.colour), rng)


def render(scene: Scene, size_px: int = 256) -> NDArray[np.uint8]:
    """Draw a scene.

    Args:
        scene: what to draw; its seed decides all variation, at any size.
        size_px: width and height.

    Returns:
        (size_px, size_px, 3) uint8 RGB.
    """
    rng = np.random.default_rng(scene.seed)
    canvas = Canvas(size_px)
    SETTINGS[scene.setting](canvas, rng)
    for subject in scene.subjects:
        _draw(canvas, subject, scene, rng)
    return canvas.to_bytes()
