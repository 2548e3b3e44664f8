"""A machine whose power may go: what is on its disk at a moment, and what is not.

Of what a process has written, a disk keeps for certain what was synced: a file's content by
`fsync` of the file, its name by `fsync` of its folder, a commit of SQLite (`synchronous=FULL`) by
`fsync` of its log. Of the rest it keeps any part. `Power` notes each sync instead of doing it, and
copies a data folder at a moment within a commit of the queue's file as a disk might have it then:
names that were not synced are there or not, contents that were not are cut anywhere, the log holds
any part of what the commit adds to it, or, where the commit moves the log into the file, the file
any of its pages.
"""

from __future__ import annotations

import os
import random
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.storage.job_rows import JobRows

PAGE = 4096


class Power:
    """Notes syncs, and at chosen commits makes a copy of what is certain and a part of the rest.

    Args:
        data: The data folder; the queue's file lies in it.
        chance: Draws what is kept of the rest.
        moments: Numbers of the commits at which the power would go.
        told: Called at each of them with the copy's folder, before anybody is told of the commit.
    """

    def __init__(
        self,
        data: Path,
        chance: random.Random,
        moments: set[int],
        told: Callable[[Path], None],
    ) -> None:
        self._data = data
        self._chance = chance
        self._moments = moments
        self._told = told
        self._sizes: dict[int, int] = {}
        self._names: dict[str, dict[str, int]] = {}
        self.commits = 0

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From here on."""
        monkeypatch.setattr(os, "fsync", self._synced)
        commit: Any = JobRows._commit

        def committed(rows: JobRows, changes: Any) -> None:
            self.commits += 1
            if self.commits not in self._moments or rows._path.parent.parent != self._data:
                commit(rows, changes)
                return
            before = self._files(rows._path)
            asked = [change.done for change in changes]
            for change in changes:  # nobody is told yet
                change.done = type(change.done)()
            commit(rows, changes)
            self._told(self._cut(rows._path, before))
            for change, done in zip(changes, asked, strict=True):
                error = change.done.exception()
                done.set_exception(error) if error is not None else done.set_result(None)

        monkeypatch.setattr(JobRows, "_commit", committed)

    def _synced(self, handle: int) -> None:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            folder = os.readlink(f"/proc/self/fd/{handle}")
            with os.scandir(folder) as entries:
                self._names[folder] = {one.name: one.inode() for one in entries}
        else:
            self._sizes[found.st_ino] = found.st_size

    def _files(self, path: Path) -> dict[str, bytes]:
        log = path.with_name(f"{path.name}-wal")
        return {one.name: one.read_bytes() if one.exists() else b"" for one in (path, log)}

    def _cut(self, path: Path, before: dict[str, bytes]) -> Path:
        to = self._data.with_name(f"cut-{self.commits}")
        self._copied(self._data, to, certain=True)
        after = self._files(path)
        log = f"{path.name}-wal"
        kept = dict(after)
        if before[path.name] != after[path.name]:  # the log was synced before it was moved
            kept[path.name] = self._pages(before[path.name], after[path.name])
        else:
            kept[log] = self._part(before[log], after[log])
        for name, content in kept.items():
            (to / path.parent.name / name).write_bytes(content)
        return to

    def _part(self, old: bytes, new: bytes) -> bytes:
        """Some of what was written over and behind a log, up to any byte."""
        same = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
        cut = self._chance.randint(min(same, len(new)), len(new))
        return new[:cut] + old[cut:]

    def _pages(self, old: bytes, new: bytes) -> bytes:
        """Each page as it was or as it is."""
        old = old.ljust(len(new), b"\0")
        return b"".join(
            self._chance.choice((old, new))[at : at + PAGE] for at in range(0, len(new), PAGE)
        )

    def _copied(self, folder: Path, to: Path, *, certain: bool) -> None:
        to.mkdir()
        names = self._names.get(str(folder), {})
        with os.scandir(folder) as entries:
            for one in list(entries):
                if "sqlite" in one.name:  # the queue's follows; the history's is made anew
                    continue
                sure = names.get(one.name) == one.inode() or (certain and one.is_dir())
                if not sure and self._chance.random() < 0.5:
                    continue
                if one.is_dir():
                    self._copied(Path(one.path), to / one.name, certain=False)
                    continue
                try:
                    content = Path(one.path).read_bytes()
                except FileNotFoundError:  # replaced by another thread at this moment
                    continue
                if self._sizes.get(one.inode()) != len(content):
                    content = content[: self._chance.randint(0, len(content))]
                (to / one.name).write_bytes(content)


def full_syncs(rows: JobRows) -> bool:
    """Whether SQLite syncs its log at each commit, as is taken for granted here."""
    found: list[tuple[Any, ...]] = []

    def look(db: sqlite3.Connection) -> None:
        asked = (
            db.execute(f"PRAGMA {what}").fetchone() for what in ("journal_mode", "synchronous")
        )
        found.append(tuple(value for (value,) in asked))

    rows.change(look).result()
    return found == [("wal", 2)]
