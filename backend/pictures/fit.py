"""Bringing a picture to the size that is drawn, and what is needed to find it there again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np
from PIL import Image

from backend.contracts.events import Pixels
from backend.contracts.settings import ResizeMode
from backend.pictures.boxes import Box

PAD_COLOUR = (255, 255, 255)  # white, as under transparency


@dataclass(frozen=True)
class Placement:
    """How a picture was laid on a canvas: `source` of it was scaled onto `target`.

    Attributes:
        source_size: (width, height) of the picture before, px.
        source: (left, top, right, bottom) of what was kept, in px of the picture; fractions occur.
        size: (width, height) of the canvas, px.
        target: Where that lies on the canvas; beyond it is padding.
    """

    source_size: tuple[int, int]
    source: tuple[float, float, float, float]
    size: tuple[int, int]
    target: Box

    def apply(
        self,
        image: Pixels,
        pad: tuple[int, int, int] = PAD_COLOUR,
        resample: Image.Resampling = Image.Resampling.LANCZOS,
    ) -> Pixels:
        """Lays another picture of the same source size on the canvas in the same way.

        Args:
            image: (H, W, 3) of `source_size`.
            pad: Colour of what `target` leaves free.
            resample: Filter; Lanczos rings, which masks must not.

        Raises:
            ValueError: The picture has another size.
        """
        if image.shape[1::-1] != self.source_size:
            raise ValueError(f"{image.shape[1::-1]} is not {self.source_size}")
        whole = (0.0, 0.0, *map(float, self.source_size))
        if self.source == whole and self.size == self.source_size:
            return image.copy()
        scaled = np.asarray(
            Image.fromarray(image).resize(
                (self.target.width, self.target.height), resample, box=self.source
            )
        )
        if (self.target.width, self.target.height) == self.size:
            return scaled.copy()
        canvas = np.full((self.size[1], self.size[0], 3), pad, np.uint8)
        box = self.target
        canvas[box.top : box.bottom, box.left : box.right] = scaled
        return canvas


@dataclass(frozen=True, eq=False)
class Fitted:
    """A picture at the size that is drawn, and how it came there."""

    image: Pixels
    placement: Placement


def fit(image: Pixels, width: int, height: int, how: ResizeMode = "crop") -> Fitted:
    """Scales (Lanczos) a picture to a size.

    Args:
        image: (H, W, 3) uint8 RGB.
        width: Wanted width, px.
        height: Wanted height, px.
        how: "crop" keeps the aspect ratio and cuts evenly what stands over; "pad" keeps all of
            the picture and fills the rest with `PAD_COLOUR`; "stretch" distorts.
    """
    placement = place(image.shape[1], image.shape[0], width, height, how)
    return Fitted(placement.apply(image), placement)


def place(
    source_width: int, source_height: int, width: int, height: int, how: ResizeMode
) -> Placement:
    """The placement that `fit` uses for a picture of that size; all sizes in px."""
    size = (source_width, source_height)
    whole = (0.0, 0.0, float(source_width), float(source_height))
    canvas = Box(0, 0, width, height)
    match how:
        case "stretch":
            return Placement(size, whole, (width, height), canvas)
        case "crop":
            # The largest rectangle of the wanted aspect ratio that the source holds.
            scale = min(source_width / width, source_height / height)
            kept_width, kept_height = width * scale, height * scale
            left, top = (source_width - kept_width) / 2, (source_height - kept_height) / 2
            kept = (
                max(left, 0.0),
                max(top, 0.0),
                min(left + kept_width, float(source_width)),
                min(top + kept_height, float(source_height)),
            )
            return Placement(size, kept, (width, height), canvas)
        case "pad":
            scale = min(width / source_width, height / source_height)
            inner_width = min(max(round(source_width * scale), 1), width)
            inner_height = min(max(round(source_height * scale), 1), height)
            left, top = (width - inner_width) // 2, (height - inner_height) // 2
            target = Box(left, top, left + inner_width, top + inner_height)
            return Placement(size, whole, (width, height), target)
        case _:
            assert_never(how)
