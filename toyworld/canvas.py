"""Anti-aliased drawing on a float picture: polygons with gradients, soft shadows, smooth curves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from toyworld.palette import RGB

Points = NDArray[np.float64]
"""(N, 2) polygon corners, x to the right, y downwards."""

_SHIFT = 4


def ellipse(cx: float, cy: float, rx: float, ry: float, turn_deg: float = 0.0) -> Points:
    """An ellipse as a 40-gon, turned clockwise by `turn_deg` about its centre."""
    t = np.linspace(0.0, 2.0 * math.pi, 40, endpoint=False)
    x, y = rx * np.cos(t), ry * np.sin(t)
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return np.stack([cx + c * x - s * y, cy + s * x + c * y], axis=1)


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """An upright rectangle."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


def polygon(*corners: tuple[float, float]) -> Points:
    """A polygon with straight sides."""
    return np.array(corners, dtype=np.float64)


def smooth(*knots: tuple[float, float]) -> Points:
    """A closed Catmull-Rom curve through the knots, 8 points a segment."""
    p1 = np.array(knots, dtype=np.float64)[:, None]
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = np.linspace(0.0, 1.0, 8, endpoint=False)[None, :, None]
    curve = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return curve.reshape(-1, 2)


def rounded(points: Points, share: float = 0.25) -> Points:
    """Cut and smooth a polygon's corners; `share` of each side is given to the curve."""
    ahead, behind = np.roll(points, -1, 0), np.roll(points, 1, 0)
    start, end = points + share * (behind - points), points + share * (ahead - points)
    t = np.linspace(0.0, 1.0, 6)[None, :, None]
    curve = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * points[:, None] + t**2 * end[:, None]
    return curve.reshape(-1, 2)


def stroke(knots: Points, width: float, end_width: float | None = None) -> Points:
    """The outline of an open line of the given width, which may taper to `end_width`."""
    tangent = np.gradient(knots, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    half = np.linspace(width, width if end_width is None else end_width, len(knots))[:, None] / 2
    return np.concatenate([knots + half * normal, (knots - half * normal)[::-1]])


class Canvas:
    """A square float32 picture, (size_px, size_px, 3) in 0..1; coordinates run from 0 to 1."""

    def __init__(self, size_px: int) -> None:
        self.size_px = size_px
        self.pixels = np.zeros((size_px, size_px, 3), dtype=np.float32)

    def gradient(self, stops: list[tuple[float, RGB]]) -> None:
        """Fill the picture from top to bottom through (height, colour) stops."""
        heights = (np.arange(self.size_px) + 0.5) / self.size_px
        at = [height for height, _ in stops]
        columns = [np.interp(heights, at, [colour[c] for _, colour in stops]) for c in range(3)]
        self.pixels[:] = np.stack(columns, axis=1)[:, None].astype(np.float32)

    def fill(
        self,
        points: Points,
        start: RGB,
        end: RGB | None = None,
        alpha: float = 1.0,
        soft: float = 0,
    ) -> None:
        """Fill a polygon with a gradient that runs from its upper left to its lower right.

        Args:
            points: corners in picture units.
            start: colour at the lit corner.
            end: colour at the far corner; the same as `start` where omitted.
            alpha: opacity, 0..1.
            soft: standard deviation of the edge's blur, in picture units.
        """
        size = self.size_px
        margin = int(3 * soft * size) + 2
        x0, y0 = np.floor(points.min(0) * size).astype(int) - margin
        x1, y1 = np.ceil(points.max(0) * size).astype(int) + margin
        left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, size), min(y1, size)
        if left >= right or top >= bottom:
            return
        mask = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
        corners = np.round((points * size - (x0, y0) - 0.5) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, _SHIFT)
        if soft > 0:
            mask = cv2.GaussianBlur(mask, (0, 0), soft * size)
        cover = mask[top - y0 : bottom - y0, left - x0 : right - x0].astype(np.float32)
        cover *= alpha / 255.0
        region = self.pixels[top:bottom, left:right]
        paint = np.asarray(start, dtype=np.float32)
        if end is not None:
            across = (np.arange(left, right, dtype=np.float32) - x0) / (x1 - x0)
            down = (np.arange(top, bottom, dtype=np.float32) - y0) / (y1 - y0)
            share = (0.35 * across[None, :] + 0.65 * down[:, None])[..., None]
            paint = paint + share * (np.asarray(end, dtype=np.float32) - paint)
        region += cover[..., None] * (paint - region)

    def surround(self, shapes: list[Points], ink: RGB, width: float) -> None:
        """Fill the union of polygons, grown by `width` of picture units on all sides."""
        size = self.size_px
        sigma_px = width * size
        margin = int(3 * sigma_px) + 2
        every = np.concatenate(shapes)
        x0, y0 = np.floor(every.min(0) * size).astype(int) - margin
        x1, y1 = np.ceil(every.max(0) * size).astype(int) + margin
        mask = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
        for points in shapes:
            corners = np.round((points * size - (x0, y0) - 0.5) * (1 << _SHIFT)).astype(np.int32)
            cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, _SHIFT)
        # Beside a straight edge the blurred mask is 0.159 at one deviation, with slope 0.242: there
        # the grown edge lies, one pixel wide.
        blurred = cv2.GaussianBlur(mask.astype(np.float32) / 255.0, (0, 0), sigma_px)
        cover = np.clip((blurred - 0.159) * sigma_px / 0.242 + 0.5, 0.0, 1.0)
        left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, size), min(y1, size)
        if left >= right or top >= bottom:
            return
        region = self.pixels[top:bottom, left:right]
        share = cover[top - y0 : bottom - y0, left - x0 : right - x0, None]
        region += share * (np.asarray(ink, dtype=np.float32) - region)

    def to_bytes(self) -> NDArray[np.uint8]:
        """The picture as (size_px, size_px, 3) uint8 RGB."""
        return np.clip(self.pixels * 255.0 + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Pen:
    """Draws in a subject's own frame: x and y in about -1..1, feet at y = 1."""

    canvas: Canvas | Sketch
    centre_x: float
    centre_y: float
    radius: float
    flip: bool = False
    turn_deg: float = 0.0
    stretch: float = 1.0
    """Width over height, about 1."""

    def place(self, points: Points) -> Points:
        """Map points of the subject's frame to picture units."""
        x = points[:, 0] * (-1 if self.flip else 1) * self.stretch
        y = points[:, 1]
        c, s = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        turned = np.stack([c * x - s * y, s * x + c * y], axis=1)
        return turned * self.radius + (self.centre_x, self.centre_y)

    def fill(
        self,
        points: Points,
        start: RGB,
        end: RGB | None = None,
        alpha: float = 1.0,
        soft: float = 0,
    ) -> None:
        """`Canvas.fill` in the subject's frame (`soft` too)."""
        self.canvas.fill(self.place(points), start, end, alpha, soft * self.radius)

    def gloss(self, cx: float, cy: float, rx: float, ry: float, alpha: float = 0.35) -> None:
        """A soft white highlight."""
        self.fill(ellipse(cx, cy, rx, ry, -30), (1.0, 1.0, 1.0), None, alpha, 0.06)


class Sketch:
    """Collects the shapes of one subject, so that a line can be drawn around them all.

    Stands where a `Pen` expects its canvas.
    """

    def __init__(self) -> None:
        self._shapes: list[tuple[Points, RGB, RGB | None, float, float]] = []

    def fill(
        self,
        points: Points,
        start: RGB,
        end: RGB | None = None,
        alpha: float = 1.0,
        soft: float = 0,
    ) -> None:
        """Take a shape, as `Canvas.fill` would draw it."""
        self._shapes.append((points, start, end, alpha, soft))

    def draw(self, canvas: Canvas, ink: RGB, width: float) -> None:
        """Draw a line of the given colour and width around all opaque shapes, then the shapes."""
        solid = [points for points, _, _, alpha, soft in self._shapes if alpha == 1 and soft == 0]
        canvas.surround(solid, ink, width)
        for shape in self._shapes:
            canvas.fill(*shape)
