"""The picture itself as the control: a drawing, a pose, an edge picture made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from backend.contracts.events import Pixels


@dataclass(frozen=True)
class Identity:
    """Uses the picture directly."""

    def __call__(self, image: Pixels) -> Pixels:
        return image.copy()
