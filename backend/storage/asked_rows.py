"""What people have asked to be drawn within the last hour, in the queue's file.

So that a restart gives nobody a fresh hour. Nothing older than an hour is kept.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from backend.storage.job_rows import JobRows

_TABLE = """
CREATE TABLE IF NOT EXISTS asked (person TEXT NOT NULL, at_s REAL NOT NULL, amount REAL NOT NULL)
"""


class AskedRows:
    """The table. Safe from any thread.

    Args:
        rows: The queue's file.
        within_s: How long something is kept.
        clock: Seconds since 1970.
    """

    def __init__(
        self, rows: JobRows, within_s: float = 3600.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._rows = rows
        self._within_s = within_s
        self._clock = clock

    def note(self, person: str, amount: float) -> None:
        """Keeps what somebody asks for, with the next commit."""
        now = self._clock()

        def keep(db: sqlite3.Connection) -> None:
            db.execute(_TABLE)
            db.execute("DELETE FROM asked WHERE at_s < ?", (now - self._within_s,))
            db.execute("INSERT INTO asked VALUES (?, ?, ?)", (person, now, amount))

        self._rows.change(keep)

    def lately(self) -> list[tuple[str, float, float]]:
        """Who, how many seconds ago, and how much; the oldest first.

        What a clock that was put back says to be of the future is of now.
        """
        now = self._clock()
        found: list[tuple[str, float, float]] = []

        def read(db: sqlite3.Connection) -> None:
            db.execute(_TABLE)
            rows = db.execute("SELECT person, at_s, amount FROM asked ORDER BY at_s").fetchall()
            found.extend((person, max(0.0, now - at_s), amount) for person, at_s, amount in rows)

        self._rows.change(read).result()
        return [one for one in found if one[1] < self._within_s]
