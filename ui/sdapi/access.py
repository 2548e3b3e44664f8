"""The page's name and password for `/sdapi/v1`, as HTTP basic, and whose jobs a request means."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.server.share import is_local

MAX_WORD_CHARS = 64


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        owner: The same text for all requests of one caller, and for no other's.
        alike: Others may have the same text: nothing tells one caller from another.
    """

    owner: str
    alike: bool = False


class BasicAuth:
    """Asks for a name and password before a request's body is read.

    Callers are told apart by the word that they may write behind the name (`NAME+WORD`), else by
    their address; through a share link everybody's address is this machine's.

    Args:
        app: What is behind it; it finds the `caller` in the request's state.
        pair: (user, password); None lets everybody in.
        tunnel: Whether requests from this machine may be anybody's.
    """

    def __init__(self, app: ASGIApp, pair: tuple[str, str] | None, *, tunnel: bool = False) -> None:
        self._app = app
        self._pair = pair
        self._tunnel = tunnel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] == "http":
            word = self._word(scope)
            if word is None:
                text = "Send the page's name and password as HTTP basic authentication."
                refused = JSONResponse(
                    {"error": "Unauthorized", "detail": text, "errors": text},
                    401,
                    {"WWW-Authenticate": 'Basic realm="Latent Loom"'},
                )
                await refused(scope, receive, send)
                return
            Request(scope).state.caller = self._caller(scope, word)
        await self._app(scope, receive, send)

    def _caller(self, scope: Scope, word: str) -> Caller:
        user = self._pair[0] if self._pair is not None else ""
        if word:
            return Caller(f"sdapi/{user}+{word}")
        address = scope["client"][0] if scope.get("client") else ""
        return Caller(f"sdapi/{user}@{address}", alike=self._tunnel and is_local(address))

    def _word(self, scope: Scope) -> str | None:
        """What stands behind the name, perhaps nothing; None where name or password is wrong."""
        kind, _, coded = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
        try:
            given = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        name, _, password = given.partition(b":")
        if self._pair is None:
            return _text(name.partition(b"+")[2])
        user, secret = (text.encode() for text in self._pair)
        word = b""
        if name != user and name.startswith(user + b"+"):
            name, word = user, name[len(user) + 1 :]
        right = secrets.compare_digest(name, user) & secrets.compare_digest(password, secret)
        return _text(word) if right and kind.lower() == b"basic" else None


def _text(word: bytes) -> str:
    return word.decode("utf-8", "replace")[:MAX_WORD_CHARS]
