"""The sound of a film, as far as its frames are taken."""

from __future__ import annotations

import tempfile
from pathlib import Path

from backend.contracts.clip import Cut
from backend.contracts.errors import BadInput, Fix
from backend.contracts.sound import Sound
from backend.pictures.budget import Budget
from backend.pictures.clips import film

LONGEST_S = 600.0  # what is taken of it: a clip of 300 frames at one a second has half of that
NO_SOUND = "This clip has no sound to keep; take 'audio' off."


def read_sound(data: bytes, cut: Cut, frames: int, budget: Budget | None = None) -> Sound:
    """Reads the sound from the first taken frame to the end of the last one.

    Args:
        data: Of the file, which `read_clip` has read.
        cut: Which frames are taken.
        frames: How many were.
        budget: Of the request; the bytes are taken from it.

    Raises:
        BadInput: It has none, or none there.
    """
    kind = film.kind_of(data)
    none = BadInput(NO_SOUND, "audio", Fix("Leave the sound out", {"audio": False}))
    if kind is None:
        raise none
    with tempfile.TemporaryDirectory(prefix="loom-") as folder:
        path = Path(folder) / "clip"
        path.write_bytes(data)
        fps = film.speed(path, kind)
        seconds = min(LONGEST_S, frames * cut.every / fps)
        done = film.run_ffmpeg(
            "-loglevel", "error", *film.given(kind), "-i", str(path), "-map", "0:a:0?",
            "-ss", f"{cut.first / fps:.6f}", "-t", f"{seconds:.6f}",
            "-ac", "2", "-c:a", "aac", "-b:a", "128k", "-f", "adts", "-",
        )  # fmt: skip
    if not done.stdout:
        raise none
    (budget or Budget()).take(len(done.stdout), "clip")
    return Sound(done.stdout, seconds)
