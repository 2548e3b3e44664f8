"""Folders of pictures that other tools made: looked into, never written to.

A picture there goes by "@<number of the folder>/<path inside it>", so that names of all pictures
are of one kind and tell nobody where on the disk they lie.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_FILES = 100_000
_NAME = re.compile(r"@(\d{1,3})/(.+)", re.S)


def is_foreign(name: str) -> bool:
    """Whether a picture's name is of such a folder."""
    return name.startswith("@")


def located(folders: Sequence[Path], name: str) -> tuple[Path, Path] | None:
    """The folder and the path that a name stands for; None where there is no such folder."""
    found = _NAME.fullmatch(name)
    if found is None or int(found[1]) >= len(folders):
        return None
    folder = folders[int(found[1])]
    return folder, folder / found[2]


def pictures_in(folders: Sequence[Path]) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Name, path and status of every picture, links left out; at most `MAX_FILES` a folder."""
    for number, folder in enumerate(folders):
        left = MAX_FILES
        for place, inside, files in os.walk(folder):
            inside[:] = [name for name in inside if not name.startswith(".")]
            for file in files:
                if file.startswith(".") or not file.lower().endswith(SUFFIXES):
                    continue
                path = Path(place, file)
                try:
                    status = path.lstat()
                except OSError:  # deleted since it was listed
                    continue
                if path.is_symlink() or left <= 0:
                    continue
                left -= 1
                yield f"@{number}/{path.relative_to(folder).as_posix()}", path, status
