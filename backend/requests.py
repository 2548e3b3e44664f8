"""Requests: what the engine accepts. Settings and pixels, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.errors import BadInput
from backend.events import Pixels
from backend.settings import Settings


@dataclass(frozen=True)
class Branch:
    """Go on from a step of an earlier run.

    Attributes:
        token: The earlier job.
        step: Index of the stored step to go on from (see `TimelineInfo`).
    """

    token: str
    step: int


@dataclass(frozen=True)
class Request:
    """One job.

    Attributes:
        settings: The settings of a mode; their class says which mode runs.
        images: Named input pictures, (H, W, 3) uint8 RGB, e.g. "image", "mask", "control_image".
        branch: Start from a stored step rather than from noise.
        save: Write the results into the outputs folder.
    """

    settings: Settings
    images: dict[str, Pixels] = field(default_factory=dict)
    branch: Branch | None = None
    save: bool = True


def check_pictures(request: Request) -> None:
    """Refuses a request without the pictures that its mode needs.

    Raises:
        BadInput: Says what to add.
    """
    problem = request.settings.missing_picture(request.images)
    if problem is not None:
        raise BadInput(problem, "image")
