"""Jobs in a file: one SQLite table, written by one thread, many changes to a commit.

`synchronous=FULL`: what was waited for is on the disk, also where the power goes a moment later.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

SCHEMA = 3
_TOGETHER = 500  # changes to a commit
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, background INTEGER NOT NULL, state TEXT NOT NULL,
    place REAL NOT NULL, starts INTEGER NOT NULL, request TEXT NOT NULL, outputs TEXT NOT NULL,
    error TEXT, info TEXT NOT NULL, ended_s REAL, keeps INTEGER NOT NULL DEFAULT 0
);
DROP TABLE IF EXISTS pictures;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class JobRow:
    """One job as it is kept.

    Attributes:
        key: Digest of its token, which is not kept.
        owner: Whose turn it takes.
        background: Whether it gives way.
        state: As in `JobStatus`.
        place: Its order among those that wait.
        starts: How often it has begun to run.
        request: What was asked for, as JSON.
        outputs: What it made, as JSON; the pictures lie beside the table.
        error: The sentence of its end.
        info: As in `JobStatus`, as JSON.
        ended_s: When it ended, seconds since 1970.
        keeps: Whether it goes on when its page is left.
    """

    key: str
    owner: str
    background: bool
    state: str
    place: float
    request: str
    starts: int = 0
    outputs: str = "{}"
    error: str | None = None
    info: str = "{}"
    ended_s: float | None = None
    keeps: int = 0


_COLUMNS = tuple(field.name for field in fields(JobRow))


@dataclass
class _Change:
    work: Callable[[sqlite3.Connection], None]
    done: Future[None]


class JobRows:
    """The table. Safe from any thread; whoever waits for a future waits for the disk.

    Args:
        path: The file, made where there is none; its folder is there.

    Raises:
        OSError: It cannot be opened, or is of a later studio.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False
        self._compacting = False
        self._changes: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        try:
            self._db = self._opened()
        except sqlite3.Error as error:
            raise OSError(f"The queue's file {path} cannot be used: {error}.") from None
        self._thread = threading.Thread(target=self._write, name="job-rows", daemon=True)
        self._thread.start()

    def _opened(self) -> sqlite3.Connection:
        self._path.touch(mode=0o600)
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA secure_delete=ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            db.close()
            raise OSError(f"The queue's file {self._path} was written by a later studio.")
        if 0 < version < 3:
            db.execute("ALTER TABLE jobs ADD COLUMN keeps INTEGER NOT NULL DEFAULT 0")
        db.executescript(_TABLE)
        db.execute(f"PRAGMA user_version={SCHEMA}")
        return db

    # --- changes -----------------------------------------------------------------------------

    def put(self, row: JobRow) -> Future[None]:
        """Adds a job."""
        marks = ", ".join("?" * len(_COLUMNS))
        sql = f"INSERT OR REPLACE INTO jobs ({', '.join(_COLUMNS)}) VALUES ({marks})"
        values = tuple(getattr(row, name) for name in _COLUMNS)
        return self.change(lambda db: db.execute(sql, values))

    def update(self, key: str, **columns: Any) -> Future[None]:
        """Changes some columns of a job."""
        sql = f"UPDATE jobs SET {', '.join(f'{name}=?' for name in columns)} WHERE key=?"
        return self.change(lambda db: db.execute(sql, (*columns.values(), key)))

    def forget(self, keys: Iterable[str]) -> Future[None]:
        """Removes jobs."""
        rows = [(key,) for key in keys]
        return self.change(lambda db: db.executemany("DELETE FROM jobs WHERE key=?", rows))

    def reorder(self, keys: Sequence[str]) -> Future[None]:
        """The jobs that wait, in their order."""
        rows = [(place, key) for place, key in enumerate(keys)]
        return self.change(lambda db: db.executemany("UPDATE jobs SET place=? WHERE key=?", rows))

    def note(self, name: str, value: str) -> Future[None]:
        """Keeps a fact about the queue."""
        sql = "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)"
        return self.change(lambda db: db.execute(sql, (name, value)))

    def compact(self) -> None:
        """What was removed is not found in the file, or beside it, from here on."""
        self._compacting = True
        self.change(lambda db: None).result()

    def change(self, work: Callable[[sqlite3.Connection], Any]) -> Future[None]:
        """Does something on the writing thread, within the next commit."""
        done: Future[None] = Future()
        if self._closed:
            done.set_exception(OSError("The queue's file is closed."))
            return done
        self._changes.put(_Change(work, done))
        return done

    # --- what is there -----------------------------------------------------------------------

    def all(self) -> list[JobRow]:
        """Every job, those that wait in their order."""
        return self._read("ORDER BY place, rowid")

    def row(self, key: str) -> JobRow | None:
        """One job."""
        return next(iter(self._read("WHERE key=?", key)), None)

    def _read(self, which: str, *values: str) -> list[JobRow]:
        found: list[JobRow] = []

        def read(db: sqlite3.Connection) -> None:
            sql = f"SELECT {', '.join(_COLUMNS)} FROM jobs {which}"
            found.extend(JobRow(*row) for row in db.execute(sql, values))

        self.change(read).result()
        return found

    def fact(self, name: str) -> str | None:
        """What was noted."""
        found: list[str] = []

        def read(db: sqlite3.Connection) -> None:
            rows = db.execute("SELECT value FROM facts WHERE name=?", (name,))
            found.extend(value for (value,) in rows)

        self.change(read).result()
        return found[0] if found else None

    def close(self) -> None:
        """Writes what is left, and closes the file."""
        self._closed = True
        self._changes.put(None)
        self._thread.join()

    # --- the writing thread ------------------------------------------------------------------

    def _write(self) -> None:
        ending = False
        while not ending:
            changes: list[_Change] = []
            change = self._changes.get()
            while change is not None:
                changes.append(change)
                if len(changes) == _TOGETHER:
                    break
                try:
                    change = self._changes.get_nowait()
                except queue.Empty:
                    break
            else:
                ending = True
            if changes:
                self._commit(changes)
        self._db.close()

    def _commit(self, changes: Sequence[_Change]) -> None:
        """All of them in one commit; where that fails, each in one of its own."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for change in changes:
                change.work(self._db)
            self._db.execute("COMMIT")
        except Exception as error:
            self._undo()
            if len(changes) == 1:
                log.warning("the queue's file could not be written: %s", error)
                changes[0].done.set_exception(error)
                return
            for change in changes:
                self._commit([change])
            return
        if self._compacting:
            self._compacting = False
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for change in changes:
            change.done.set_result(None)

    def _undo(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("the queue's file could not be put back: %s", error)
