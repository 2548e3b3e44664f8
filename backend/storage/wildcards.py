"""Files of wildcards: a line of wildcards/name.txt is a choice for `__name__` in a prompt."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from backend.contracts.library import Wildcard

MAX_FILE_BYTES = 1_000_000
MAX_FILES = 2000
MAX_FOLDERS_DEEP = 3
_NAME = re.compile(r"[\w-](?:[\w .-]*[\w.-])?(?:/[\w-](?:[\w .-]*[\w.-])?)*")


class WildcardFiles(Mapping[str, Wildcard]):
    """The files at hand, read when they are looked up; a name is never made into a path.

    Names are those of the files below their folder, in lower case, without the suffix.

    Args:
        folders: Where they lie; a later one goes before an earlier one.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def __getitem__(self, name: str) -> Wildcard:
        return _read(self._files()[name])

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._files()))

    def __len__(self) -> int:
        return len(self._files())

    def _files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in _text_files(folder, 0):
                name = path.relative_to(folder).with_suffix("").as_posix().casefold()
                if _NAME.fullmatch(name) and (name in found or len(found) < MAX_FILES):
                    found[name] = path
        return found


def _read(path: Path) -> Wildcard:
    """The file's lines without comments (#) and empty ones."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return Wildcard((), f"The wildcard file {path.name} is larger than 1 MB; split it.")
        text = path.read_text("utf-8-sig", errors="replace")
    except OSError:
        return Wildcard((), f"The wildcard file {path.name} cannot be read.")
    stripped = (line.strip() for line in text.splitlines())
    found = tuple(line for line in stripped if line and not line.startswith("#"))
    return Wildcard(found, None if found else f"The wildcard file {path.name} has no line to draw.")


def _text_files(folder: Path, depth: int) -> Iterator[Path]:
    """Text files below a folder; links are not followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and depth < MAX_FOLDERS_DEEP:
            yield from _text_files(Path(entry.path), depth + 1)
        elif entry.name.lower().endswith(".txt") and entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
