"""What was done to a studio, and by whom: one line of JSON each, only ever added to."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

FILE = "audit.log"
MAX_BYTES = 16 * 2**20  # then it begins anew, and the one before is kept


class Audit:
    """The log of a data folder; its owner's alone. Safe from any thread and several processes.

    Args:
        path: The file.
        clock: Seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock

    def note(self, who: str, did: str, what: str = "") -> None:
        """Adds a line. A disk that is full stops nobody: the program's log has it then."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        line = json.dumps({"at": at, "who": who[:200], "did": did, "what": what[:500]})
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and self._path.stat().st_size > MAX_BYTES:
                os.replace(self._path, self._path.with_suffix(".log.1"))
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                # A line that a full disk has cut off takes no other with it.
                begin = "" if _ends_a_line(handle) else "\n"
                os.write(handle, f"{begin}{line}\n".encode())
            finally:
                os.close(handle)
        except OSError as error:
            log.warning("%s (the audit log cannot be written: %s)", line, error)

    def lines(self) -> list[dict[str, str]]:
        """What it holds, the oldest first; a line that was cut off is left out."""
        try:
            text = self._path.read_text("utf-8")
        except OSError:
            return []
        found: list[dict[str, str]] = []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found


def _ends_a_line(handle: int) -> bool:
    size = os.lseek(handle, 0, os.SEEK_END)
    if not size:
        return True
    os.lseek(handle, -1, os.SEEK_END)
    return os.read(handle, 1) == b"\n"
