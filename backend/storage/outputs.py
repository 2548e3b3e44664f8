"""The outputs folder: `<data>/outputs/<YYYY-MM-DD>/<time>_<seed>_<index>.png`.

The pictures are the only store: each carries its record, which says its format and its name.
"""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from backend.contracts.errors import BadInput, StorageProblem
from backend.contracts.events import Pixels, Record
from backend.pictures.opening import opened
from backend.recipes.pictures import KINDS, encoded
from backend.storage.atomic_files import storage_problem, write_new
from backend.storage.file_names import stem
from backend.storage.foreign_folders import SUFFIXES, located
from backend.storage.history_table import Table
from backend.storage.makers import NOBODY, Maker

log = logging.getLogger(__name__)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_THUMBNAILS = 512
_MAX_SAME_NAME = 1000


_Version = tuple[int, int]  # mtime, ns, and size, bytes


class Storage:
    """Pictures on disk. Safe from any thread; several processes may share a folder.

    Args:
        data_dir: Made when the first picture is saved.
        now: The clock that names folders and files.
        foreign: Folders of pictures that others made; read only (`foreign_folders`).
    """

    def __init__(
        self,
        data_dir: Path,
        now: Callable[[], datetime] = datetime.now,
        foreign: Sequence[Path] = (),
    ) -> None:
        self._data_dir = data_dir
        self.foreign = tuple(foreign)
        self._now = now
        self._table = Table(data_dir)
        self._lock = threading.Lock()
        self._thumbnails: OrderedDict[tuple[Path, _Version, int], bytes] = OrderedDict()

    @property
    def outputs(self) -> Path:
        """The folder with a folder for each day."""
        return self._data_dir / "outputs"

    @property
    def free_bytes(self) -> int:
        """Space left on the disk that holds the outputs."""
        folder = self.outputs.absolute()
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def save_output(self, image: Pixels, record: Record, maker: Maker = NOBODY) -> Path:
        """Saves one picture with its record, whole or not at all.

        Args:
            image: (H, W, 3) uint8 RGB.
            record: Its recipe.
            maker: Whose it is, noted before it is there.

        Raises:
            StorageProblem: The disk is full, or the folder may not be written to.
        """
        file = encoded(image, record)
        now = self._now()
        folder = self.outputs / f"{now:%Y-%m-%d}"
        for index in range(_MAX_SAME_NAME):
            path = folder / f"{stem(record, now, index)}{file.suffix}"
            if not self._claimed(path, maker):
                continue
            try:
                write_new(path, file.content)
            except FileExistsError:
                self._disowned(path, maker)
                continue
            except OSError as error:
                self._disowned(path, maker)
                raise storage_problem(error, "The picture", "the outputs folder") from error
            else:
                return path
        raise StorageProblem("The picture could not be saved: the outputs folder takes no more.")

    def _claimed(self, path: Path, maker: Maker) -> bool:
        """Notes whose a picture will be; False where its name is somebody's already."""
        if maker == NOBODY:
            return True
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            return self._table.claim(_name(path), maker)
        except (OSError, sqlite3.Error) as error:  # it is saved, and is nobody's
            log.warning("whose picture %s is could not be noted: %s", path.name, error)
            return True

    def _disowned(self, path: Path, maker: Maker) -> None:
        if maker == NOBODY:
            return
        try:
            self._table.disown([_name(path)])
        except sqlite3.Error as error:
            log.warning("that %s was not saved could not be noted: %s", path.name, error)

    def thumbnail(self, path: Path, px: int) -> bytes:
        """A JPEG of a saved picture whose longer side is at most `px`, 16..1024.

        Raises:
            BadInput: The path is not one of the outputs, or `px` is out of range.
            StorageProblem: The file is damaged.
        """
        if not 16 <= px <= 1024:
            raise BadInput("A thumbnail's size must lie between 16 and 1024 pixels.", "px")
        path = self.checked(path)
        key = (path, _version(path.stat()), px)
        with self._lock:
            if key in self._thumbnails:
                self._thumbnails.move_to_end(key)
                return self._thumbnails[key]
        try:
            with opened(path.read_bytes()) as image:
                image.thumbnail((px, px))
                buffer = io.BytesIO()
                image.convert("RGB").save(buffer, "jpeg", quality=85)
        except (BadInput, OSError):
            raise StorageProblem(f"The picture {path.name} is damaged.") from None
        with self._lock:
            self._thumbnails[key] = buffer.getvalue()
            while len(self._thumbnails) > _MAX_THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return buffer.getvalue()

    def checked(self, path: Path) -> Path:
        """The real path of a saved picture, or of one in a foreign folder by its name there.

        Raises:
            BadInput: It does not lie in the outputs folder, links followed, or is no picture there.
        """
        found = located(self.foreign, path.as_posix())
        folder, named = (self.outputs, self.outputs / path) if found is None else found
        kinds = tuple(KINDS) if found is None else SUFFIXES
        try:
            real = named.resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            real = None
        inside = real is not None and real.is_relative_to(folder.resolve())
        if real is None or not inside or real.suffix.lower() not in kinds or not real.is_file():
            raise BadInput("There is no such picture among the outputs.", "path")
        return real

    def files(self) -> list[tuple[Path, os.stat_result]]:
        """Every picture of every day, newest first."""
        files: list[tuple[Path, os.stat_result]] = []
        for day in _entries(self.outputs):
            if not DAY.fullmatch(day.name) or not day.is_dir(follow_symlinks=False):
                continue
            for entry in _entries(Path(day.path)):
                hidden = entry.name.startswith(".")
                if hidden or not entry.name.lower().endswith(tuple(KINDS)):
                    continue
                try:
                    if entry.is_file(follow_symlinks=False):
                        files.append((Path(entry.path), entry.stat(follow_symlinks=False)))
                except OSError:  # deleted since it was listed
                    continue
        files.sort(key=lambda file: (file[0].parent.name, file[0].name), reverse=True)
        return files


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _version(status: os.stat_result) -> _Version:
    return status.st_mtime_ns, status.st_size
