"""Login sessions: kept hashed, so that whoever logs in stays so over a restart."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.storage.arrays import write_synced

log = logging.getLogger(__name__)

KEPT_S = 30 * 24 * 3600.0
MAX_SESSIONS = 4096


@dataclass(frozen=True)
class Session:
    """One browser that has logged in.

    Attributes:
        name: Of the account.
        epoch: Of the account at that time: another one ends the session.
        since_s: When it logged in, seconds since 1970.
    """

    name: str
    epoch: str
    since_s: float


class Sessions:
    """Who has logged in. Safe from any thread.

    Args:
        path: The file, its owner's alone.
        epoch: The epoch of an account now; None where it may not log in.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        path: Path,
        epoch: Callable[[str], str | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._epoch = epoch
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions = self._load()

    def open(self, token: str, name: str) -> None:
        """A browser has logged in; its token is not kept, only what it can be told by."""
        epoch = self._epoch(name)
        if epoch is None:
            return
        with self._lock:
            self._sessions[_digest(token)] = Session(name, epoch, self._clock())
            while len(self._sessions) > MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            self._save()

    def find(self, token: str) -> str | None:
        """Whose session it is; None where it is none, or no more."""
        with self._lock:
            session = self._sessions.get(_digest(token))
        if session is None or self._clock() - session.since_s > KEPT_S:
            return None
        return session.name if self._epoch(session.name) == session.epoch else None

    def close(self, token: str) -> None:
        """Ends one session."""
        with self._lock:
            if self._sessions.pop(_digest(token), None) is not None:
                self._save()

    def close_all(self, name: str) -> None:
        """Ends every session of an account."""
        with self._lock:
            self._sessions = {d: s for d, s in self._sessions.items() if s.name != name}
            self._save()

    def count(self, name: str) -> int:
        """How many sessions an account has."""
        with self._lock:
            return sum(session.name == name for session in self._sessions.values())

    def _load(self) -> dict[str, Session]:
        try:
            document: Any = json.loads(self._path.read_bytes())
            found = {digest: Session(**one) for digest, one in document.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("login sessions could not be read, everybody logs in anew: %s", error)
            return {}
        now = self._clock()
        return {d: s for d, s in found.items() if now - s.since_s <= KEPT_S}

    def _save(self) -> None:
        content = json.dumps({d: asdict(s) for d, s in self._sessions.items()}).encode()
        with suppress(OSError):  # a full disk: they last as long as the process
            write_synced(self._path, lambda file: file.write(content))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
