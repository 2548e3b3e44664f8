"""A data folder as one file, and back: pictures, whose they are, presets, styles, accounts.

What belongs to a moment stays out: the queue, login sessions, keys that sign cookies.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backend.contracts.errors import BadInput
from backend.storage.arrays import write_synced
from backend.storage.history_table import NAME as HISTORY
from backend.storage.history_table import Table
from backend.storage.locks import hold

KEPT = (
    "outputs",
    "presets",
    "wildcards",
    "loras",
    "styles.csv",
    "accounts.json",
    "audit.log",
    HISTORY,
)
_PRIVATE = ("accounts.json", "audit.log", HISTORY)


def back_up(data: Path, target: Path) -> int:
    """Writes a backup (0600), whole or not at all, also while a studio runs.

    Returns:
        How many files are in it.

    Raises:
        BadInput: There is nothing to keep, or the target exists.
    """
    if target.exists():
        raise BadInput(f"{target} exists already; choose another name.")
    files = list(_files(data))
    if not files:
        raise BadInput(f"There is nothing to keep in {data}.")

    def fill(out: object) -> None:
        # Pictures are packed already.
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
            for path in files:
                name = path.relative_to(data).as_posix()
                if name == HISTORY:  # a studio may be writing to it
                    archive.writestr(name, Table(data).whole())
                else:
                    archive.write(path, name)

    write_synced(target, fill)
    return len(files)


def restore(data: Path, source: Path) -> int:
    """Puts a backup into a data folder that no studio uses; files of the same names are replaced.

    Returns:
        How many files were put there.

    Raises:
        BadInput: It is no backup, or names files outside of the folder; nothing was changed.
        InUse: A studio uses the folder.
    """
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError):
        raise BadInput(f"{source} is no backup that can be read.") from None
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        for entry in entries:
            if not _belongs(entry.filename):
                raise BadInput(f"{source} is no backup of a studio: it holds {entry.filename!r}.")
        if archive.testzip() is not None:
            raise BadInput(f"{source} is damaged.")
        handle = hold(data)
        try:
            for entry in entries:
                path = data / entry.filename
                content = archive.read(entry)
                write_synced(path, lambda file, content=content: file.write(content))
                if entry.filename not in _PRIVATE:
                    path.chmod(0o644)
        finally:
            os.close(handle)
    return len(entries)


def _files(data: Path) -> Iterator[Path]:
    for name in KEPT:
        path = data / name
        if path.is_file() and not path.is_symlink():
            yield path
        elif path.is_dir():
            for file in sorted(path.rglob("*")):
                hidden = any(part.startswith(".") for part in file.relative_to(data).parts)
                if file.is_file() and not file.is_symlink() and not hidden:
                    yield file


def _belongs(name: str) -> bool:
    path = PurePosixPath(name)
    plain = not path.is_absolute() and ".." not in path.parts and "\\" not in name
    return plain and bool(path.parts) and path.parts[0] in KEPT and ":" not in name
