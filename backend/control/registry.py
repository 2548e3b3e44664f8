"""Which detectors there are, for the form, the endpoints and the modes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from backend.contracts.errors import UnknownName
from backend.contracts.settings import DetectorName
from backend.control.canny import Canny
from backend.control.identity import Identity
from backend.control.learned import Learned
from backend.control.lineart_standard import LineartStandard
from backend.control.shuffle import Shuffle
from backend.control.types import Detector


@dataclass(frozen=True)
class Entry:
    """One line of the detector menu.

    Attributes:
        name: As in the settings.
        title: For people.
        hint: One sentence.
        edges: Its controls are light lines on black, so edge obedience can be measured.
        downloads: Fetches weights from the hub on first use.
    """

    name: DetectorName
    title: str
    hint: str
    edges: bool = False
    downloads: bool = False


ENTRIES: tuple[Entry, ...] = (
    Entry("canny", "Edges (Canny)", "Thin, hard edges; quick, and set by two thresholds.", True),
    Entry("identity", "Picture as it is", "Uses the picture directly as the control."),
    Entry("lineart_standard", "Line drawing", "Soft dark lines of the picture.", True),
    Entry("shuffle", "Colours, shuffled", "Keeps colours and mood, forgets the shapes."),
    Entry("softedge_hed", "Soft edges (HED)", "Broad, soft outlines.", True, True),
    Entry(
        "softedge_pidinet", "Soft edges (PiDiNet)", "Soft outlines, a lighter network.", True, True
    ),
    Entry("lineart", "Line art", "Fine drawn lines.", True, True),
    Entry("lineart_anime", "Line art (anime)", "Clean lines of drawn characters.", True, True),
    Entry("depth_midas", "Depth (MiDaS)", "Near is light, far is dark.", False, True),
    Entry("normal_bae", "Normals (BAE)", "The direction in which each surface faces.", False, True),
    Entry("mlsd", "Straight lines (M-LSD)", "Walls, windows and other straight lines.", True, True),
    Entry("openpose", "Pose (OpenPose)", "The stick figure of each person.", False, True),
)


def build(name: DetectorName, *, canny_low: int = 100, canny_high: int = 200) -> Detector:
    """The detector of that name.

    Args:
        name: One of `ENTRIES`.
        canny_low: Lower threshold, 0-255; for "canny" alone.
        canny_high: Upper threshold, 0-255; for "canny" alone.

    Raises:
        UnknownName: There is none of that name.
    """
    match name:
        case "canny":
            return Canny(canny_low, canny_high)
        case "identity":
            return Identity()
        case "lineart_standard":
            return LineartStandard()
        case "shuffle":
            return Shuffle()
        case _:
            if name in get_args(DetectorName):
                return Learned(name)
    known = ", ".join(entry.name for entry in ENTRIES)
    raise UnknownName(f"There is no detector '{name}'; choose one of: {known}.", "detector")


def entry(name: DetectorName) -> Entry:
    """The menu line of a detector. Raises UnknownName when there is none of that name."""
    for found in ENTRIES:
        if found.name == name:
            return found
    raise UnknownName(f"There is no detector '{name}'.", "detector")
