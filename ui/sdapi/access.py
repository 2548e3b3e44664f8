"""The page's name and password for `/sdapi/v1`, as HTTP basic, and whose jobs a request means."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.server.logins import Logins, too_many
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
        logins: Counts wrong passwords, together with the page's login.
        tunnel: Whether requests from this machine may be anybody's.
    """

    def __init__(
        self,
        app: ASGIApp,
        pair: tuple[str, str] | None,
        logins: Logins,
        *,
        tunnel: bool = False,
    ) -> None:
        self._app = app
        self._pair = pair
        self._logins = logins
        self._tunnel = tunnel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] == "http":
            given = _given(scope)
            attempt = self._logins.attempt(scope, self._account(given))
            counted = self._pair is not None and given is not None
            if counted and (wait_s := self._logins.begin(attempt)) > 0:
                await too_many(wait_s)(scope, receive, send)
                return
            word = self._word(given)
            if word is None:
                text = "Send the page's name and password as HTTP basic authentication."
                refused = JSONResponse(
                    {"error": "Unauthorized", "detail": text, "errors": text},
                    401,
                    {"WWW-Authenticate": 'Basic realm="Latent Loom"'},
                )
                await refused(scope, receive, send)
                return
            if counted:
                self._logins.succeed(attempt)
                if not attempt.device:
                    send = _telling(send, self._logins.cookie(attempt.account))
            Request(scope).state.caller = self._caller(scope, word)
        await self._app(scope, receive, send)

    def _account(self, given: tuple[str, str] | None) -> str:
        """The name without a word behind it."""
        name = given[0] if given is not None else ""
        if self._pair is not None and name.startswith(f"{self._pair[0]}+"):
            return self._pair[0]
        return name

    def _caller(self, scope: Scope, word: str) -> Caller:
        user = self._pair[0] if self._pair is not None else ""
        if word:
            return Caller(f"sdapi/{user}+{word}")
        address = scope["client"][0] if scope.get("client") else ""
        return Caller(f"sdapi/{user}@{address}", alike=self._tunnel and is_local(address))

    def _word(self, given: tuple[str, str] | None) -> str | None:
        """What stands behind the name, perhaps nothing; None where name or password is wrong."""
        if self._pair is None:
            return given[0].partition("+")[2][:MAX_WORD_CHARS] if given is not None else ""
        if given is None:
            return None
        (name, password), (user, secret) = given, self._pair
        word = ""
        if name != user and name.startswith(f"{user}+"):
            name, word = user, name[len(user) + 1 :]
        right = _same(name, user) & _same(password, secret)
        return word[:MAX_WORD_CHARS] if right else None


def _given(scope: Scope) -> tuple[str, str] | None:
    """Name and password of HTTP basic; None where none were sent."""
    kind, _, coded = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
    try:
        given = base64.b64decode(coded, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
    name, colon, password = given.partition(":")
    return (name, password) if kind.lower() == b"basic" and colon else None


def _same(given: str, right: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode())


def _telling(send: Send, header: tuple[bytes, bytes]) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return told
