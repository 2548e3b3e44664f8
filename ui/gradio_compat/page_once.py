"""The page as it was made for the same visitor before, packed.

Gradio (6.31) makes its page anew for each visit: a copy of every component's config, written as
JSON into a template, 1.3 MB that are packed once more. That holds the event loop for a tenth of a
second or two, and everybody's looks at their jobs wait for it. No issue upstream was found for it.
"""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import Message, Scope, Send

from ui.server.headers import SCRIPTS

KEPT = 48  # pages of different visitors and addresses; each takes about 0.1 MB
LEVEL = 6
Key = tuple[object, ...]


@dataclass(frozen=True)
class Kept:
    """A page.

    Attributes:
        headers: Of its answer.
        packed: It, gzipped.
        scripts: Hashes of the scripts that stand in it.
    """

    headers: Sequence[tuple[bytes, bytes]]
    packed: bytes
    scripts: tuple[str, ...]

    async def send(self, scope: Scope, send: Send) -> None:
        """Answers with it."""
        scope.setdefault("state", {})[SCRIPTS] = self.scripts
        await send({"type": "http.response.start", "status": 200, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": self.packed})


class Pages:
    """Pages by what they depend on: the visitor, and the address that they are asked for by."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def get(self, key: Key | None) -> Kept | None:
        """The page of that key."""
        if key is None or key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def put(self, key: Key, page: Kept) -> None:
        """Keeps one; the one that nobody has asked for for longest goes."""
        self._kept[key] = page
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def key_of(scope: Scope) -> Key | None:
    """What the page that a request asks for depends on; None where it is made for it alone."""
    if scope["method"] != "GET" or scope.get("query_string"):
        return None
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    accepted = b",".join(value for name, value in headers if name == b"accept-encoding")
    if b"gzip" not in accepted:
        return None
    # Proxies say in these what the page's own address is.
    told = sorted(
        pair for pair in headers if pair[0] in (b"host", b"forwarded") or pair[0][:2] == b"x-"
    )
    user = scope.get("state", {}).get("user")
    return scope["path"], scope.get("scheme"), scope.get("root_path"), user, tuple(told)


def packed(start: Message, content: bytes, scripts: tuple[str, ...]) -> Kept | None:
    """A page to be kept; None where its answer is for one request alone."""
    headers: list[tuple[bytes, bytes]] = list(start["headers"])
    if any(name.lower() in (b"set-cookie", b"content-encoding") for name, _ in headers):
        return None
    body = gzip.compress(content, LEVEL, mtime=0)
    kept = [pair for pair in headers if pair[0].lower() not in (b"content-length", b"vary")]
    kept += [
        (b"content-encoding", b"gzip"),
        (b"content-length", str(len(body)).encode()),
        (b"vary", b"Accept-Encoding"),
    ]
    return Kept(kept, body, scripts)
