"""What lies beside a model's file and tells a person of it: its picture, and A1111's notes.

`sea.safetensors` may have `sea.png` (or `.preview.png`, JPEG, WebP) and `sea.json`, in which
A1111's page keeps a description, words, and the weight that somebody prefers; a model's folder has
its picture inside, as `preview.png`, or beside it under its own name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

MAX_PICTURE_BYTES = 16 * 2**20
MAX_NOTES_BYTES = 256 * 2**10
MAX_TEXT_CHARS = 2_000
MAX_WORDS = 40
_ENDS = (".png", ".jpg", ".jpeg", ".webp")
_INSIDE = ("preview", "card")


@dataclass(frozen=True)
class Told:
    """What somebody has noted.

    Attributes:
        about: In their words.
        words: That the prompt needs.
        weight: At which it is best; None where nobody says.
    """

    about: str = ""
    words: tuple[str, ...] = ()
    weight: float | None = None


def picture_of(path: Path) -> Path | None:
    """The picture of a model's file or folder; None without one."""
    if path.is_dir():
        names = [path / f"{name}{end}" for name in _INSIDE for end in _ENDS]
        names += [path.parent / f"{path.name}{end}" for end in _ENDS]
    else:
        stem = path.with_suffix("")
        names = [Path(f"{stem}{part}{end}") for part in ("", ".preview") for end in _ENDS]
    return next((name for name in names if _usable(name)), None)


def told_of(path: Path) -> Told:
    """The notes beside a file; empty where there are none that can be read."""
    notes = path.with_suffix(".json")
    try:
        if notes.is_symlink() or notes.stat().st_size > MAX_NOTES_BYTES:
            return Told()
        found: Any = json.loads(notes.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Told()
    if not isinstance(found, dict):
        return Told()
    said = cast("dict[str, Any]", found)
    texts = [str(said[key]).strip() for key in ("description", "notes") if _text(said.get(key))]
    words = str(said.get("activation text") or "") if _text(said.get("activation text")) else ""
    weight = said.get("preferred weight")
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    return Told(
        "\n".join(texts)[:MAX_TEXT_CHARS],
        tuple(word.strip() for word in words.split(",") if word.strip())[:MAX_WORDS],
        float(weight) if number and weight and -10 <= weight <= 10 else None,
    )


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _usable(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size <= MAX_PICTURE_BYTES
    except OSError:
        return False
