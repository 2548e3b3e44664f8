"""The table of past pictures in `<data>/history.sqlite`: searched in milliseconds.

What it knows of pictures is read from them, and again where it is lost; what people chose,
favourites and deletions, and who made them, is known here alone and stays when the pictures' table
changes its form.
"""

from __future__ import annotations

import math
import shutil
import sqlite3
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backend.storage.makers import HOST, Maker, Viewer

NAME = "history.sqlite"
FORM = 2
ANEW_BELOW = 1  # forms whose table `pictures` has other columns: it is made anew
_WAIT_S = 10.0  # for another process that writes
_MADE = """
CREATE TABLE IF NOT EXISTS pictures (
    name TEXT PRIMARY KEY, written_ns INTEGER, bytes INTEGER, mode TEXT, prompt TEXT, words TEXT,
    seed TEXT, model TEXT, loras TEXT, width INTEGER, height INTEGER, saved_s REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS favourites (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deleted (name TEXT PRIMARY KEY, at_s REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS makers (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL, person TEXT NOT NULL) WITHOUT ROWID;
"""
_SHOWN = (
    "p.name, mode, prompt, seed, model, loras, width, height, saved_s, written_ns,"
    " f.name IS NOT NULL, coalesce(m.owner, ''), coalesce(m.person, '')"
)
_FROM = (
    "FROM pictures p LEFT JOIN favourites f ON f.name = p.name"
    " LEFT JOIN makers m ON m.name = p.name WHERE mode != ''"
)
_NEWEST = "ORDER BY saved_s DESC, p.name DESC"

Version = tuple[int, int]  # mtime, ns, and size, bytes


@dataclass(frozen=True)
class Row:
    """What the table keeps of a file.

    Attributes:
        name: Path under the outputs, with slashes.
        version: Of the file that was read.
        mode: That made it; "" where the file says nothing, so that it is not read again.
        prompt: What it was asked to show.
        words: Everything that a search looks into, casefolded.
        seed: As text: it may have 64 bits without a sign.
        model: Its name.
        loras: Names of those that acted.
        width: Pixels.
        height: Pixels.
        saved_s: When the picture was made, seconds since 1970.
    """

    name: str
    version: Version
    mode: str = ""
    prompt: str = ""
    words: str = ""
    seed: str = ""
    model: str = ""
    loras: tuple[str, ...] = ()
    width: int = 0
    height: int = 0
    saved_s: float = 0.0


@dataclass(frozen=True)
class Entry:
    """One picture of the past; its fields are those of `Row`, and whose it is."""

    name: str
    mode: str
    prompt: str
    seed: str
    model: str
    loras: tuple[str, ...]
    width: int
    height: int
    saved_s: float
    written_ns: int
    favourite: bool
    maker: Maker


@dataclass(frozen=True)
class Query:
    """Which pictures are wanted; empty fields leave it open.

    Attributes:
        search: Words that must all occur in prompts, model or LoRAs, in any case, or be the seed.
        model: Its name.
        lora: Name of one that acted.
        since: First day, YYYY-MM-DD.
        until: Last day.
        favourites: Only those.
    """

    search: str = ""
    model: str = ""
    lora: str = ""
    since: str = ""
    until: str = ""
    favourites: bool = False

    @property
    def where(self) -> tuple[str, list[str | float]]:
        """Further conditions, and their values."""
        asked: list[tuple[str, list[str | float]]] = [
            ("(instr(words, ?) OR seed = ?)", [w, w]) for w in self.search.casefold().split()
        ]
        if self.model:
            asked.append(("model = ?", [self.model]))
        if self.lora:
            asked.append(("instr(loras, ?)", [f"\n{self.lora}\n"]))
        if self.since:
            asked.append(("saved_s >= ?", [_begin_s(self.since)]))
        if self.until:
            asked.append(("saved_s < ?", [_begin_s(self.until, 1)]))
        if self.favourites:
            asked.append(("f.name IS NOT NULL", []))
        return "".join(f" AND {text}" for text, _ in asked), [v for _, vs in asked for v in vs]


class Table:
    """The file. Safe from any thread and process: each call opens it and lets it go.

    Args:
        folder: Where it lies; where that may not be written to, a temporary one.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def versions(self) -> dict[str, Version]:
        """What is known of each file."""
        with self._open() as db:
            asked = db.execute("SELECT name, written_ns, bytes FROM pictures")
            return {name: (written_ns, size) for name, written_ns, size in asked}

    def put(self, rows: Iterable[Row], gone: Iterable[str] = ()) -> None:
        """Keeps what files say, in the place of what they said before, and forgets others."""
        told = [
            (
                *(r.name, *r.version, r.mode, r.prompt, r.words, r.seed, r.model),
                *(_joined(r.loras), r.width, r.height, r.saved_s),
            )
            for r in rows
        ]
        with self._open() as db:
            db.executemany(f"INSERT OR REPLACE INTO pictures VALUES ({','.join('?' * 12)})", told)
            db.executemany("DELETE FROM pictures WHERE name = ?", [(name,) for name in gone])

    def find(
        self, query: Query, offset: int, limit: int, viewer: Viewer = HOST
    ) -> tuple[list[Entry], int]:
        """Pictures, newest first, and how many there are in all."""
        more, values = _both(query, viewer)
        with self._open() as db:
            (total,) = db.execute(f"SELECT COUNT(*) {_FROM}{more}", values).fetchone()
            found = db.execute(
                f"SELECT {_SHOWN} {_FROM}{more} {_NEWEST} LIMIT ? OFFSET ?",
                [*values, limit, offset],
            ).fetchall()
        return [_entry(row) for row in found], total

    def names(self, query: Query, limit: int, viewer: Viewer = HOST) -> list[str]:
        """Names of all that are wanted, newest first."""
        more, values = _both(query, viewer)
        with self._open() as db:
            asked = f"SELECT p.name {_FROM}{more} {_NEWEST} LIMIT ?"
            return [name for (name,) in db.execute(asked, [*values, limit])]

    def models(self, viewer: Viewer = HOST) -> list[str]:
        """Names of the models that made them, in order."""
        seen, values = viewer.where
        asked = f"SELECT DISTINCT model {_FROM}{seen} AND model != '' ORDER BY model"
        return self._column(asked, values)

    def loras(self, viewer: Viewer = HOST) -> list[str]:
        """Names of the LoRAs that acted in them, in order."""
        seen, values = viewer.where
        sets = self._column(f"SELECT DISTINCT loras {_FROM}{seen} AND loras != ''", values)
        return sorted({name for names in sets for name in names.split("\n") if name})

    def whole(self) -> bytes:
        """The file as it is between two changes."""
        with self._open() as db:
            return db.serialize()

    # --- who made them -----------------------------------------------------------------------

    def claim(self, name: str, maker: Maker) -> bool:
        """Notes whose a picture of that name will be; False where the name is somebody's."""
        with self._open() as db:
            sql = "INSERT OR IGNORE INTO makers VALUES (?, ?, ?)"
            return db.execute(sql, [name, maker.owner, maker.person]).rowcount == 1

    def disown(self, names: Iterable[str]) -> None:
        """Nobody is noted for these any more."""
        with self._open() as db:
            db.executemany("DELETE FROM makers WHERE name = ?", [(name,) for name in names])

    def makers(self, names: Iterable[str]) -> dict[str, Maker]:
        """Who made pictures; those of nobody are left out."""
        found: dict[str, Maker] = {}
        with self._open() as db:
            for name in names:
                sql = "SELECT owner, person FROM makers WHERE name = ?"
                if (row := db.execute(sql, [name]).fetchone()) is not None:
                    found[name] = Maker(*row)
        return found

    def made_by(self, viewer: Viewer) -> list[str]:
        """Names of all pictures that are somebody's own, deleted ones too."""
        sql = (
            "SELECT name FROM makers"
            " WHERE (owner = ? AND owner != '') OR (person = ? AND person != '')"
        )
        return self._column(sql, [viewer.owner, viewer.person])

    def forget(self, names: Sequence[str]) -> None:
        """Removes all that is known of pictures."""
        given = [(name,) for name in names]
        with self._open() as db:
            for table in ("pictures", "favourites", "deleted", "makers"):
                db.executemany(f"DELETE FROM {table} WHERE name = ?", given)

    # --- what people chose -------------------------------------------------------------------

    def favour(self, names: Sequence[str], on: bool) -> None:
        """Makes pictures favourites, or no longer."""
        sql = "INSERT OR IGNORE INTO favourites VALUES (?)"
        with self._open() as db:
            given = [(name,) for name in names]
            db.executemany(sql if on else "DELETE FROM favourites WHERE name = ?", given)

    def deleted(self, times: Mapping[str, float | None]) -> None:
        """Notes when pictures were deleted; None that they are back, or gone for good."""
        with self._open() as db:
            for name, at_s in times.items():
                if at_s is None:
                    db.execute("DELETE FROM deleted WHERE name = ?", [name])
                else:
                    db.execute("INSERT OR REPLACE INTO deleted VALUES (?, ?)", [name, at_s])

    def deleted_before(self, at_s: float) -> list[str]:
        """Names of the pictures that were deleted before a time."""
        return self._column("SELECT name FROM deleted WHERE at_s < ?", [at_s])

    def _column(self, sql: str, values: Sequence[Any] = ()) -> list[str]:
        with self._open() as db:
            return [value for (value,) in db.execute(sql, values)]

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        db = self._connected()
        try:
            with db:  # commits, or rolls back
                yield db
        finally:
            db.close()

    def _connected(self) -> sqlite3.Connection:
        try:
            return _made(self._path)
        except sqlite3.OperationalError as error:
            if "open" not in str(error) and "readonly" not in str(error):
                raise  # another process writes, or the disk is full
            # A folder that is not there, or may only be read.
            self._path = Path(tempfile.mkdtemp(prefix="latent-loom-history-")) / NAME
            return _made(self._path)
        except sqlite3.DatabaseError:  # not a database: put aside, with what may be saved of it
            shutil.move(self._path, self._path.with_suffix(".damaged"))
            return _made(self._path)


def _made(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_WAIT_S)
    try:
        db.execute("PRAGMA secure_delete=ON")  # what was removed is not left in the file
        (form,) = db.execute("PRAGMA user_version").fetchone()
        if form != FORM:
            with db:
                if form < ANEW_BELOW or form > FORM:
                    db.execute("DROP TABLE IF EXISTS pictures")
                db.executescript(_MADE)
                db.execute(f"PRAGMA user_version = {FORM}")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _both(query: Query, viewer: Viewer) -> tuple[str, list[str | float]]:
    wanted, values = query.where
    seen, of = viewer.where
    return wanted + seen, values + of


def _begin_s(day: str, later: int = 0) -> float:
    """When a day, YYYY-MM-DD, or one some days later begins here, seconds since 1970."""
    try:
        return (datetime.strptime(day, "%Y-%m-%d") + timedelta(days=later)).timestamp()
    except (ValueError, OverflowError):  # no such day: no bound
        return math.inf if later else -math.inf


def _joined(names: tuple[str, ...]) -> str:
    return "".join(f"\n{name}" for name in names) + "\n" if names else ""


def _entry(row: tuple[Any, ...]) -> Entry:
    *texts, loras, width, height, saved_s, written_ns, favourite, owner, person = row
    name, mode, prompt, seed, model = texts
    return Entry(
        name=name,
        mode=mode,
        prompt=prompt,
        seed=seed,
        model=model,
        loras=tuple(filter(None, loras.split("\n"))),
        width=width,
        height=height,
        saved_s=saved_s,
        written_ns=written_ns,
        favourite=bool(favourite),
        maker=Maker(owner, person),
    )
