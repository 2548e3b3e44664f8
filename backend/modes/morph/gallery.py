"""Finished frames of a morph in order, and the distances between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

from backend.contracts.events import Pixels
from backend.models.parts import Codec
from backend.models.perceptual import distance as perceptual
from backend.modes.morph import spacing
from backend.modes.record import singles


@dataclass(frozen=True, eq=False)
class Frame:
    """A finished frame.

    Attributes:
        at: Position between the ends, 0..1.
        latents: (1, C, h, w).
        image: (H, W, 3) uint8.
        look: Its features.
    """

    at: float
    latents: torch.Tensor
    image: Pixels
    look: perceptual.Look


class Gallery:
    """The frames that are finished, by position."""

    def __init__(self, vae: Codec, metric: perceptual.Metric, check: Callable[[], None]) -> None:
        self.frames: list[Frame] = []
        self.metric = metric
        self._vae, self._check = vae, check

    def add(self, at: Sequence[float], latents: torch.Tensor) -> None:
        """Decodes and measures further frames, (F, C, h, w)."""
        for position, row in zip(at, singles(latents), strict=True):
            image = self._vae.decode(row, self._check)[0]
            self._check()
            self.frames.append(Frame(position, row, image, self.metric.look(image)))
            self.frames.sort(key=lambda frame: frame.at)

    def clear(self) -> None:
        """Starts anew."""
        self.frames.clear()

    def thin_out(self, wanted: int) -> None:
        """Keeps that many, as evenly spaced as they come."""
        frames = self.frames
        kept = spacing.chosen(
            len(frames),
            wanted,
            lambda i, j: perceptual.distance(frames[i].look, frames[j].look),
        )
        self.frames = [frames[i] for i in kept]

    @property
    def at(self) -> tuple[float, ...]:
        """Positions, rising."""
        return tuple(frame.at for frame in self.frames)

    @property
    def gaps(self) -> list[float]:
        """Distance from each frame to the next."""
        return [perceptual.distance(a.look, b.look) for a, b in pairwise(self.frames)]

    def meter(self) -> dict[str, Any]:
        """Smoothness, for the page and the API."""
        gaps = self.gaps
        return {
            "positions": [round(at, 4) for at in self.at],
            "distances": [round(gap, 6) for gap in gaps],
            "ppl": round(spacing.path_length(gaps), 6),
            "pdv": round(spacing.spread(gaps), 9),
            "distance": self.metric.name,
        }
