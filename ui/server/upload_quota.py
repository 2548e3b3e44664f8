"""An ASGI middleware that bounds what people upload: of one person, and of all, and tells them.

Uploads lie in the temporary folder until nothing needs them: the oldest of a person's give way to
new ones, those of who signs out go at once (of an account, which may have other sessions: with its
data), and Gradio removes what an hour has not touched.
"""

from __future__ import annotations

import errno
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.engine.jobs.owners import account_of, person_of
from ui.server.foreign import as_list
from ui.server.guard import MAX_UPLOAD_BYTES
from ui.server.roles import role_of

MIB = 2**20
A_PERSON_BYTES = 512 * MIB
IN_ALL_BYTES = 4096 * MIB
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_ROOM = "The disk that takes uploads is full; free some space there and try again."
NEEDED_S = 120.0  # so young it may be on its way into a job
PATH = "/gradio_api/upload"
ME = "/loom/me"  # where one's limits are told


class UploadQuota:
    """Counts uploads; `SignedIn` stands before it and says whose they are.

    Args:
        app: Gradio's.
        a_person: Bytes that one person may have lying there.
        in_all: Bytes of all together.
        clock: Seconds since 1970, as files' times are.
    """

    def __init__(
        self,
        app: ASGIApp,
        a_person: int = A_PERSON_BYTES,
        in_all: int = IN_ALL_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._a_person = a_person
        self._in_all = in_all
        self._clock = clock
        self._files: dict[str, OrderedDict[Path, int]] = {}
        self._arriving: dict[str, int] = {}
        self._senders: dict[Path, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        path = scope.get("path", "").rstrip("/")
        if scope["type"] == "http" and path == ME:
            state = Request(scope).state
            state.uploads = (self.held(account_of(str(state.owner or ""))), self._a_person)
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        owner = str(getattr(Request(scope).state, "owner", ""))
        if path == "/loom/me/forget" or (path == "/loom/sign-out" and not person_of(owner)):
            # Guests may share an account: another's uploads are not this one's to remove.
            self.forget(account_of(owner), owner if role_of(Request(scope)) == "guest" else "")
        sender, owner = owner, account_of(owner)
        if path != PATH:
            await self._app(scope, receive, send)
            return
        size_bytes = _announced(scope)
        refusal = self._refusal(owner, size_bytes)
        if refusal is not None:
            await JSONResponse({"detail": refusal}, 413)(scope, receive, send)
            return
        self._arriving[owner] = self._arriving.get(owner, 0) + size_bytes
        try:
            await self._app(scope, receive, self._noting(owner, sender, send))
        except ClientDisconnect:
            pass  # who has gone is told nothing
        except OSError as error:
            if error.errno not in _FULL:
                raise
            await JSONResponse({"detail": NO_ROOM}, 507)(scope, receive, send)
        finally:
            self._arriving[owner] -= size_bytes
            if not self._arriving[owner]:
                del self._arriving[owner]

    def held(self, owner: str) -> int:
        """Bytes of a person's uploads, those that arrive included."""
        self._look(owner)
        files = self._files.get(owner)
        return (sum(files.values()) if files else 0) + self._arriving.get(owner, 0)

    def forget(self, owner: str, sender: str = "") -> None:
        """Removes all that a person has uploaded and nobody else has.

        Args:
            owner: The account.
            sender: The login session whose uploads alone are meant; empty for all.
        """
        for path in list(self._files.get(owner, ())):
            if not sender or self._senders.get(path) == sender:
                self._remove(owner, path)
        if not self._files.get(owner):
            self._files.pop(owner, None)

    def _refusal(self, owner: str, size_bytes: int) -> str | None:
        if not self._make_room(owner, self._a_person - size_bytes):
            return (
                f"Your uploads fill the {self._a_person // MIB} MB that one person has; they are "
                "removed as they age, so try again in a few minutes."
            )
        while self._everybodys() > self._in_all - size_bytes:
            if not any(self._oldest_goes(one) for one in list(self._files)):
                return "There is no room for uploads now; try again in a few minutes."
        return None

    def _make_room(self, owner: str, room: int) -> bool:
        while self.held(owner) > room:
            if not self._oldest_goes(owner):
                return False
        return True

    def _everybodys(self) -> int:
        return sum(self.held(owner) for owner in {*self._files, *self._arriving})

    def _oldest_goes(self, owner: str) -> bool:
        """Removes the file of a person that was used longest ago; False where all are young."""
        used: list[tuple[float, Path]] = []
        for path in self._files.get(owner, ()):
            with suppress(OSError):
                used.append((path.stat().st_mtime, path))
        if not used or self._clock() - min(used)[0] < NEEDED_S:
            return False
        self._remove(owner, min(used)[1])
        return True

    def _remove(self, owner: str, path: Path) -> None:
        del self._files[owner][path]
        self._senders.pop(path, None)
        # Files are named by what is in them: another may have sent the same.
        if not any(path in files for files in self._files.values()):
            with suppress(OSError):
                path.unlink()

    def _look(self, owner: str) -> None:
        """Forgets what has been removed since."""
        files = self._files.get(owner)
        if files is None:
            return
        for path in [path for path in files if not path.exists()]:
            del files[path]
            self._senders.pop(path, None)
        if not files:
            del self._files[owner]

    def _noting(self, owner: str, sender: str, send: Send) -> Send:
        """Takes the paths out of the answer."""
        told = bytearray()
        taken = False

        async def noted(message: Message) -> None:
            nonlocal taken
            if message["type"] == "http.response.start":
                taken = message["status"] == 200
            elif taken:
                told.extend(message.get("body", b""))
                if not message.get("more_body"):
                    self._note(owner, sender, bytes(told))
            await send(message)

        return noted

    def _note(self, owner: str, sender: str, told: bytes) -> None:
        paths: Any = None
        with suppress(ValueError):
            paths = json.loads(told)
        for name in as_list(paths):
            with suppress(OSError):
                path = Path(str(name))
                size_bytes = path.stat().st_size
                self._files.setdefault(owner, OrderedDict())[path] = size_bytes
                self._senders[path] = sender


def _announced(scope: Scope) -> int:
    """How much is on its way; as much as may be where that is not said."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else MAX_UPLOAD_BYTES
