"""Past pictures: an index of the outputs folder that is made in the background, newest first.

The files stay the only store of pictures and recipes: whatever lies there is the history, also
after a restart, a copy or a deletion by hand.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from backend.contracts.errors import BadInput, NotYours, StorageProblem
from backend.recipes.pictures import KINDS
from backend.storage import remarks
from backend.storage.atomic_files import storage_problem
from backend.storage.foreign_folders import is_foreign, pictures_in
from backend.storage.history_rows import row_of
from backend.storage.history_table import Entry, Query, Row, Table
from backend.storage.makers import HOST, NOBODY, Maker, Viewer
from backend.storage.outputs import DAY, Storage
from backend.storage.remarks import Remark

LOG = logging.getLogger(__name__)
FIRST, CHUNK = 64, 400  # files read before they can be found; few at first, for a quick answer
DELETED_DAYS = 7
MAX_NAMES = 10_000
EVERYTHING = Query()


@dataclass(frozen=True)
class Found:
    """An answer to a query.

    Attributes:
        entries: The part that was asked for, newest first.
        total: How many there are in all.
        unread: Files that are still to be read; None once all were.
    """

    entries: list[Entry]
    total: int
    unread: int | None


class History:
    """The past pictures of a data folder. Safe from any thread; processes may share a folder.

    Args:
        storage: Whose outputs they are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._data = storage.outputs.parent
        self._table = Table(self._data)
        self._scanning = threading.Lock()
        self._state = threading.Lock()
        self._thread: threading.Thread | None = None
        self._unread: int | None = None

    def scan(self) -> None:
        """Brings the index up to the folder, newest first; returns when it is."""
        if not self._there:
            return
        with self._scanning:
            try:
                self._scan()
            finally:
                self._unread = None

    def refresh(self, wait_s: float = 0.0) -> None:
        """The same in the background; waits that long for it to end."""
        with self._state:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._scan_safely, daemon=True)
                self._thread.start()
            thread = self._thread
        thread.join(wait_s)

    def find(
        self, query: Query = EVERYTHING, offset: int = 0, limit: int = 60, viewer: Viewer = HOST
    ) -> Found:
        """What the index holds by now.

        Args:
            query: Which pictures are wanted.
            offset: How many to leave out from the start.
            limit: How many at most.
            viewer: Who asks.
        """
        if not self._there:
            return Found([], 0, None)
        return Found(*self._table.find(query, offset, limit, viewer), self._unread)

    def names(self, query: Query, viewer: Viewer = HOST) -> list[str]:
        """Names of all that are wanted, newest first, at most `MAX_NAMES`."""
        return self._table.names(query, MAX_NAMES, viewer) if self._there else []

    def choices(self, viewer: Viewer = HOST) -> tuple[list[str], list[str]]:
        """Names of the models and of the LoRAs that the pictures were made with."""
        if not self._there:
            return [], []
        return self._table.models(viewer), self._table.loras(viewer)

    def seen(self, name: str, viewer: Viewer) -> Path:
        """The real path of a picture.

        Raises:
            BadInput: It is not there, or nothing that this viewer sees.
        """
        path = self._storage.checked(Path(name))
        if viewer.alone and not self.may_see(path, viewer):
            raise BadInput("There is no such picture among the outputs.", "path")
        return path

    def may_see(self, path: Path, viewer: Viewer) -> bool:
        """Whether a file, links followed, of the outputs or a foreign folder is for a viewer."""
        outputs = self._storage.outputs.resolve()
        if not path.is_relative_to(outputs):
            return viewer.sees(NOBODY)
        if viewer.alone and path.suffix.lower() not in KINDS:  # a note, or what is being written
            return False
        return viewer.sees(self._maker(path.relative_to(outputs).as_posix()))

    def favour(self, names: Sequence[str], on: bool, viewer: Viewer = HOST) -> None:
        """Makes pictures favourites, or no longer.

        Raises:
            BadInput: One of them is not there.
            NotYours: One is somebody else's.
        """
        for name in names:
            self.seen(name, viewer)
        self._check(names, viewer)
        self._table.favour(names, on)

    def remark(self, name: str, remark: Remark, viewer: Viewer = HOST) -> None:
        """Keeps what somebody says of a picture; a search finds it by that.

        Raises:
            BadInput: It is not there, or lies in a folder of others.
            NotYours: It is somebody else's.
            StorageProblem: The folder may not be written to.
        """
        if is_foreign(name):
            raise BadInput("Pictures in folders of other tools are only looked at.", "name")
        path = self.seen(name, viewer)
        self._check([name], viewer)
        try:
            remarks.write(path, remark)
        except OSError as error:
            raise storage_problem(error, "The note", "the outputs folder") from error
        self._table.put(self._read_name(name))

    def said_of(self, name: str, viewer: Viewer = HOST) -> Remark:
        """What somebody has said of a picture.

        Raises:
            BadInput: It is not there.
        """
        return remarks.read(self.seen(name, viewer))

    def delete(self, names: Sequence[str], viewer: Viewer = HOST) -> list[str]:
        """Puts pictures aside; `restore` brings them back for `DELETED_DAYS`.

        Returns:
            Names of those that were there.

        Raises:
            BadInput: One of them lies in a folder of others.
            NotYours: One is somebody else's; nothing was changed.
            StorageProblem: The folder may not be written to.
        """
        if any(map(is_foreign, names)):
            raise BadInput(
                "Pictures in folders of other tools are only looked at; delete them there."
            )
        there = self._of_these(names, viewer)
        self._check(list(there), viewer)
        gone: list[str] = []
        try:
            for name, path in there.items():
                _moved(path, self._aside(name))
                gone.append(name)
        except OSError as error:
            raise storage_problem(error, "The deletion", "the data folder") from error
        finally:
            self._table.deleted(dict.fromkeys(gone, time.time()))
            self._table.put([], gone)
        return gone

    def restore(self, names: Sequence[str], viewer: Viewer = HOST) -> list[str]:
        """Brings deleted pictures back.

        Returns:
            Names of those that could be.

        Raises:
            NotYours: One is somebody else's; nothing was changed.
            StorageProblem: The folder may not be written to.
        """
        makers = self._table.makers(names)
        names = [
            name
            for name in names
            if self._aside(name).is_file() and viewer.sees(makers.get(name, NOBODY))
        ]
        self._check(names, viewer)
        back: list[str] = []
        try:
            for name in names:
                aside, path = self._aside(name), self._storage.outputs / name
                if aside.is_file() and not path.exists():
                    _moved(aside, path)
                    back.append(name)
        except OSError as error:
            raise storage_problem(error, "The picture", "the outputs folder") from error
        finally:
            self._table.deleted(dict.fromkeys(back))
            self._table.put(row for name in back for row in self._read_name(name))
        return back

    def forget(self, viewer: Viewer) -> int:
        """Removes all that somebody made, for good, and says how many pictures it was."""
        if not self._there:
            return 0
        names, gone = self._table.made_by(viewer), 0
        with self._scanning:  # else a scan that has read one would put it back
            for name in names:
                path = self._storage.outputs / name
                for place in (path, aside_of(path)):
                    remarks.beside(place).unlink(missing_ok=True)
                    if place.is_file():
                        place.unlink()
                        gone += 1
            self._table.forget(names)
        return gone

    def _of_these(self, names: Sequence[str], viewer: Viewer) -> dict[str, Path]:
        """Those that are there for a viewer: others were deleted by hand, or by somebody else."""
        there: dict[str, Path] = {}
        for name in names:
            with suppress(BadInput):
                there[name] = self.seen(name, viewer)
        return there

    def _check(self, names: Sequence[str], viewer: Viewer) -> None:
        """Whether somebody may change these; raises NotYours."""
        if viewer.manages and not viewer.alone:
            return
        makers = self._table.makers(names)
        others = sum(not viewer.may_change(makers.get(name, NOBODY)) for name in names)
        if others:
            whose = "This picture is" if len(names) == 1 else f"{others} of these pictures are"
            raise NotYours(
                f"{whose} not yours; who made it, or an owner of the studio, may do that."
            )

    def _maker(self, name: str) -> Maker:
        return self._table.makers([name]).get(name, NOBODY) if self._there else NOBODY

    @property
    def _there(self) -> bool:
        """Whether there can be pictures; nothing is made before."""
        return self._data.is_dir() or bool(self._storage.foreign)

    def _aside(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if len(parts) != 2 or not DAY.fullmatch(parts[0]) or not parts[1].endswith(tuple(KINDS)):
            raise BadInput("There is no such picture among the outputs.", "name")
        return aside_of(self._storage.outputs / parts[0] / parts[1])

    def _scan_safely(self) -> None:
        try:
            self.scan()
        except (OSError, StorageProblem, sqlite3.Error):
            LOG.exception("the history could not be read")

    def _scan(self) -> None:
        files = [(_name(path), path, status) for path, status in self._storage.files()]
        files += sorted(
            pictures_in(self._storage.foreign), key=lambda file: file[2].st_mtime, reverse=True
        )
        known = self._table.versions()
        gone = known.keys() - {name for name, _, _ in files}
        new = [f for f in files if known.get(f[0]) != (f[2].st_mtime_ns, f[2].st_size)]
        if gone:
            self._table.put([], gone)
        at, size = 0, FIRST
        while at < len(new):
            self._unread = len(new) - at
            self._table.put([row_of(*file) for file in new[at : at + size]])
            at, size = at + size, CHUNK
        self._empty()

    def _empty(self) -> None:
        """Lets go of what was deleted long ago."""
        old = self._table.deleted_before(time.time() - DELETED_DAYS * 86400)
        for name in old:
            self._aside(name).unlink(missing_ok=True)
            remarks.beside(self._aside(name)).unlink(missing_ok=True)
        if old:
            self._table.deleted(dict.fromkeys(old))
            self._table.disown(old)

    def _read_name(self, name: str) -> Iterable[Row]:
        path = self._storage.outputs / name
        try:
            return [row_of(name, path, path.stat())]
        except OSError:
            return []


def _moved(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, to)
    if (said := remarks.beside(path)).is_file():
        os.replace(said, remarks.beside(to))


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def aside_of(picture: Path) -> Path:
    """Where a picture of the outputs lies from when it is deleted until it can no longer come back.

    Args:
        picture: `<data>/outputs/<day>/<name>`.
    """
    return picture.parents[2] / "deleted" / picture.parent.name / picture.name
