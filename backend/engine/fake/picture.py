"""Synthetic pictures for `FakeEngine`: a landscape that depends on prompt, seed and size alone."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from backend.contracts.events import Pixels

_COLOURS = {
    "red": (214, 69, 65),
    "orange": (232, 138, 60),
    "yellow": (240, 200, 80),
    "green": (84, 150, 96),
    "blue": (66, 118, 190),
    "purple": (132, 90, 170),
    "pink": (226, 130, 160),
    "white": (238, 236, 230),
    "black": (44, 46, 54),
    "brown": (140, 100, 72),
}
_SKIES = (
    ((28, 40, 84), (232, 150, 120)),
    ((96, 160, 210), (226, 236, 240)),
    ((52, 34, 80), (236, 120, 110)),
    ((120, 180, 190), (244, 226, 190)),
)


def _generator(*parts: object) -> np.random.Generator:
    digest = hashlib.sha256("\x00".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def draw(prompt: str, seed: int, width: int, height: int) -> Pixels:
    """The finished picture, (height, width, 3); the same arguments give the same bytes."""
    rng = _generator(prompt, seed)
    top, bottom = _SKIES[int(rng.integers(len(_SKIES)))]
    ramp = np.linspace(0.0, 1.0, height)[:, None, None] ** 0.8
    sky = np.asarray(top) * (1 - ramp) + np.asarray(bottom) * ramp
    canvas = Image.fromarray(np.broadcast_to(sky, (height, width, 3)).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    accent = next((rgb for word, rgb in _COLOURS.items() if word in prompt.lower()), None)
    if accent is None:
        accent = tuple(_COLOURS.values())[int(rng.integers(len(_COLOURS)))]
    radius = 0.16 * min(width, height) * float(rng.uniform(0.8, 1.4))
    x, y = width * float(rng.uniform(0.25, 0.75)), height * float(rng.uniform(0.2, 0.5))
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=accent)
    for layer in range(3):
        level = height * (0.58 + 0.13 * layer)
        wave, shift = float(rng.uniform(1.2, 3.2)), float(rng.uniform(0, math.tau))
        swell = height * float(rng.uniform(0.03, 0.07))
        ridge = [
            (px, level + swell * math.sin(shift + wave * math.tau * px / width))
            for px in range(0, width + 1, 2)
        ]
        shade = tuple(int(c * (0.62 - 0.16 * layer)) for c in bottom)
        pen.polygon([*ridge, (width, height), (0, height)], fill=shade)
    return np.asarray(canvas.filter(ImageFilter.SMOOTH))


def noise(prompt: str, seed: int, width: int, height: int) -> NDArray[np.float64]:
    """Noise of a run, (height, width, 3), standard normal."""
    return _generator("noise", prompt, seed).standard_normal((height, width, 3))


def predicted(picture: Pixels, done: float, grain: NDArray[np.float64]) -> Pixels:
    """What x0 looks like after the fraction `done` of the run: coarse first, exact at 1."""
    if done >= 1.0:
        return picture
    height, width = picture.shape[:2]
    coarse = 2.0 ** (5.0 * (1.0 - done))
    image = Image.fromarray(picture)
    small = image.resize(
        (max(2, int(width / coarse)), max(2, int(height / coarse))), Image.Resampling.BOX
    )
    grown = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    return _to_pixels(grown + 26.0 * (1.0 - done) ** 2 * grain)


def noised(picture: Pixels, done: float, grain: NDArray[np.float64]) -> Pixels:
    """What x_t looks like after the fraction `done` of the run."""
    left = (1.0 - done) ** 0.7
    return _to_pixels((1.0 - left) * picture + left * (128.0 + 64.0 * grain))


def _to_pixels(values: NDArray[np.float64]) -> Pixels:
    return np.clip(values, 0, 255).astype(np.uint8)
