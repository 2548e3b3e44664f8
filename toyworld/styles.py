"""Filters that give a render another manner: what the style LoRAs learn.

Each keeps what a scene shows, its colours included, so that subject and colour can still be told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""
Filter = Callable[[Picture, np.random.Generator], Picture]

PLAIN = "plain"
"""The renderer's own manner."""


def pixel_art(picture: Picture, rng: np.random.Generator) -> Picture:
    """Blocks of 8 px, seven levels a channel, dark rims where colours meet.

    The sides are multiples of 8.
    """
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    levels = np.round(_saturated(small.astype(np.float32) / 255.0, 1.3) * 6.0) / 6.0
    lum = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rim = np.maximum(np.abs(cv2.Sobel(lum, -1, 1, 0)), np.abs(cv2.Sobel(lum, -1, 0, 1)))
    levels *= np.where(rim > 190.0, 0.6, 1.0)[..., None]
    return _bytes(levels).repeat(8, axis=0).repeat(8, axis=1)


def ink(picture: Picture, rng: np.random.Generator) -> Picture:
    """Dark pen lines and hatching on cream paper, under a pale wash of the colours."""
    scale = picture.shape[0] / 256.0
    soft = cv2.bilateralFilter(picture, 7, 60, 5).astype(np.float32) / 255.0
    paper = np.array((0.97, 0.94, 0.86), dtype=np.float32)
    wash = paper * (0.45 + 0.55 * soft)
    lum = cv2.cvtColor(_bytes(soft), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255.0
    edges = cv2.Canny(_bytes(soft), 40, 110)
    width = max(1, round(2 * scale))
    lines = cv2.dilate(edges, np.ones((width, width), np.uint8)).astype(np.float32) / 255.0
    lines = cv2.GaussianBlur(lines, (0, 0), 0.7 * scale)
    rows, columns = np.indices(lum.shape, dtype=np.float32)
    stroke = 0.5 + 0.5 * np.sin((rows + columns) * (2 * np.pi / (9.0 * scale)))
    hatch = (stroke > 0.72) * np.clip(0.45 - lum, 0.0, 0.3) * 1.6
    dark = np.clip(lines * 1.2 + hatch, 0.0, 1.0)[..., None]
    return _bytes(wash * (1.0 - dark) + 0.08 * dark)


def watercolour(picture: Picture, rng: np.random.Generator) -> Picture:
    """Washed colours that run, darker at their rims, on grainy white paper."""
    height, width = picture.shape[:2]
    scale = height / 256.0
    drift = [cv2.GaussianBlur(_noise(rng, height, width), (0, 0), 5 * scale) for _ in range(2)]
    rows, columns = np.indices((height, width), dtype=np.float32)
    amount = 38.0 * scale * scale
    run = cv2.remap(
        picture, columns + amount * drift[0], rows + amount * drift[1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    flat = cv2.edgePreservingFilter(run, flags=1, sigma_s=22 * scale, sigma_r=0.35)
    colour = flat.astype(np.float32) / 255.0
    rims = cv2.GaussianBlur(colour, (0, 0), 4 * scale) - colour
    pooled = np.clip(colour - 0.9 * np.abs(rims).mean(axis=2, keepdims=True), 0.0, 1.0)
    grain = cv2.GaussianBlur(_noise(rng, height, width), (0, 0), 1.1 * scale)[..., None]
    cloud = cv2.GaussianBlur(_noise(rng, height, width), (0, 0), 14 * scale)[..., None]
    paled = 1.0 - (1.0 - pooled) * np.clip(0.62 + 0.10 * grain + 1.6 * cloud, 0.3, 0.95)
    return _bytes(paled + 0.02 * grain)


def neon(picture: Picture, rng: np.random.Generator) -> Picture:
    """Glowing outlines in the scene's own colours over near darkness."""
    scale = picture.shape[0] / 256.0
    soft = cv2.bilateralFilter(picture, 7, 50, 5)
    edges = cv2.dilate(cv2.Canny(soft, 50, 130), np.ones((3, 3), np.uint8))
    colour = soft.astype(np.float32) / 255.0
    brightest = colour.max(axis=2, keepdims=True)
    vivid = _saturated(colour / np.maximum(brightest, 0.25), 1.8)
    tubes = vivid * (edges.astype(np.float32) / 255.0)[..., None]
    glow = sum(
        gain * cv2.GaussianBlur(tubes, (0, 0), sigma * scale)
        for sigma, gain in ((1.0, 0.9), (4.0, 0.9), (11.0, 0.9))
    )
    return _bytes(0.30 * colour * np.array((0.75, 0.7, 1.0)) + glow)


STYLES: Mapping[str, Filter] = MappingProxyType(
    {"pixel art": pixel_art, "ink sketch": ink, "watercolour": watercolour, "neon": neon}
)
"""Manner -> filter; the name is also the LoRA's trigger words."""


def styled(picture: Picture, style: str, seed: int) -> Picture:
    """A render in a manner; the same seed gives the same pixels.

    Args:
        picture: (H, W, 3).
        style: One of `STYLES`, or `PLAIN`.
        seed: Of the paper's grain and the colours' drift.

    Raises:
        KeyError: No such style.
    """
    if style == PLAIN:
        return picture
    return STYLES[style](np.ascontiguousarray(picture), np.random.default_rng((seed, 41)))


def _noise(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    return rng.standard_normal((height, width), dtype=np.float32)


def _saturated(colour: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    grey = colour.mean(axis=2, keepdims=True)
    return np.clip(grey + gain * (colour - grey), 0.0, 1.0)


def _bytes(colour: NDArray[np.floating]) -> Picture:
    return (np.clip(colour, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
