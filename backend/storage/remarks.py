"""What a person says of a picture: a note and tags, in a small file beside it.

`a.png` has them in `a.png.note.json`, so that they are copied, kept and deleted with it, and are
found again by an index that is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from backend.contracts.errors import BadInput
from backend.storage.atomic_files import write_replacing

SUFFIX = ".note.json"
MAX_NOTE_CHARS = 2_000
MAX_TAGS, MAX_TAG_CHARS = 20, 40
MAX_FILE_BYTES = 64 * 2**10


@dataclass(frozen=True)
class Remark:
    """A note and tags; both empty where nothing was said.

    Attributes:
        note: In somebody's words.
        tags: Without a "#", each once.
    """

    note: str = ""
    tags: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What a search looks into; a tag is found with its "#" and without."""
        return "\n".join([self.note, *(f"#{tag}" for tag in self.tags)])


def remark_of(note: str, tags: Iterable[str]) -> Remark:
    """A remark of what was typed.

    Raises:
        BadInput: It is too long, or has too many tags.
    """
    kept = tuple(dict.fromkeys(filter(None, (_tag(tag) for tag in tags))))
    if len(note) > MAX_NOTE_CHARS:
        raise BadInput(f"A note has up to {MAX_NOTE_CHARS:,} characters; shorten it.", "note")
    if len(kept) > MAX_TAGS:
        raise BadInput(f"A picture has up to {MAX_TAGS} tags; leave some out.", "tags")
    if any(len(tag) > MAX_TAG_CHARS for tag in kept):
        raise BadInput(f"A tag has up to {MAX_TAG_CHARS} characters; shorten it.", "tags")
    return Remark(note.strip(), kept)


def beside(picture: Path) -> Path:
    """Where a picture's remark lies."""
    return picture.with_name(picture.name + SUFFIX)


def read(picture: Path) -> Remark:
    """What was said of a picture; empty where nothing was, or the file is damaged."""
    path = beside(picture)
    try:
        if path.is_symlink() or path.stat().st_size > MAX_FILE_BYTES:
            return Remark()
        found: Any = json.loads(path.read_text("utf-8"))
        said = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        note, tags = said.get("note", ""), said.get("tags", [])
        listed = cast("list[Any]", tags) if isinstance(tags, list) else []
        texts = [tag for tag in listed if isinstance(tag, str)]
        return remark_of(note if isinstance(note, str) else "", texts)
    except (OSError, ValueError, RecursionError, BadInput):
        return Remark()


def write(picture: Path, remark: Remark) -> None:
    """Keeps a remark; an empty one leaves no file.

    Raises:
        OSError: The disk is full, or the folder may not be written to.
    """
    if remark == Remark():
        beside(picture).unlink(missing_ok=True)
    else:
        content = json.dumps(asdict(remark), ensure_ascii=False, indent=1)
        write_replacing(beside(picture), content.encode())


def _tag(text: str) -> str:
    return " ".join(text.replace("#", " ").replace(",", " ").split()).casefold()
