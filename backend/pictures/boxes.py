"""Rectangles of pixels."""

from __future__ import annotations

from dataclasses import dataclass

from backend.contracts.events import Pixels


@dataclass(frozen=True)
class Box:
    """A rectangle in a picture, px; left and top lie inside, right and bottom just outside."""

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        if self.left >= self.right or self.top >= self.bottom:
            raise ValueError(f"empty box: {self}")

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


def crop(image: Pixels, box: Box) -> Pixels:
    """A copy of what lies in `box`, (box.height, box.width, 3)."""
    return image[box.top : box.bottom, box.left : box.right].copy()
