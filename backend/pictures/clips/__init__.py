"""Files of moving pictures -> clips. What a file is, its first bytes say, never its name."""

from __future__ import annotations

from backend.contracts.clip import Clip, Cut
from backend.contracts.errors import BadInput
from backend.pictures.budget import Budget
from backend.pictures.clips import film, stills

MAX_FILE_BYTES = 256 * 2**20
ZIP = b"PK"
_WHOLE = Cut()


def read_clip(data: bytes, cut: Cut = _WHOLE, budget: Budget | None = None) -> Clip:
    """Reads the frames of a file that a cut takes.

    Args:
        data: mp4, mov, webm, mkv or avi; an animated GIF, WebP or PNG; a zip of pictures, in the
            order of their names.
        cut: Which frames.
        budget: Of the request; the pixels are taken from it.

    Raises:
        BadInput: It is none of these, is damaged from the start, holds no picture, is too long or
            more than the budget allows.
    """
    budget = budget or Budget()
    if not data:
        raise BadInput("The file is empty; send a clip.", "clip")
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"A clip's file has at most {MAX_FILE_BYTES // 2**20} MiB.", "clip")
    kind = film.kind_of(data)
    if kind is not None:
        return film.read(data, kind, cut, budget)
    if data.startswith(ZIP):
        return stills.from_zip(data, cut, budget)
    return stills.from_animation(data, cut, budget)
