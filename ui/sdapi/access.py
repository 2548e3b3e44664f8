"""Who may come in to `/sdapi/v1`: HTTP basic, or a key; and whose jobs a request means."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.engine.jobs.owners import NO_LOGIN
from ui.server.doors import Doors, Person
from ui.server.logins import Logins, too_many
from ui.server.share import is_local

MAX_WORD_CHARS = 64
ASKED = (
    "Send the page's name and password as HTTP basic authentication, or a key of yours as "
    "`Authorization: Bearer`."
)


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        owner: The same text for all requests of one caller, and for no other's.
        alike: Others may have the same text: nothing tells one caller from another.
        person: The account; empty where nobody logs in.
    """

    owner: str
    alike: bool = False
    person: str = ""


Shape = Callable[[str, str], dict[str, Any]]


def plain(kind: str, text: str) -> dict[str, Any]:
    """A refusal as A1111's clients read it."""
    return {"error": kind, "detail": text, "errors": text}


class Access:
    """Asks for a name and password, or a key, before a request's body is read.

    Callers are told apart by the word that they may write behind the name (`NAME+WORD`), else by
    their address; through a share link everybody's address is this machine's. A key is a caller;
    where there are no accounts to have keys, `NAME:PASSWORD` is one.

    Args:
        app: What is behind it; it finds the `caller` in the request's state.
        doors: Who may come in; where they ask for nothing everybody may.
        logins: Counts wrong passwords, together with the page's login.
        tunnel: Whether requests from this machine may be anybody's.
        shape: Makes a refusal's body of its kind and its sentence.
    """

    def __init__(
        self,
        app: ASGIApp,
        doors: Doors,
        logins: Logins,
        *,
        tunnel: bool = False,
        shape: Shape = plain,
    ) -> None:
        self._app = app
        self._shape = shape
        self._doors = doors
        self._logins = logins
        self._tunnel = tunnel
        self._turns: dict[str, asyncio.Lock] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        key = _key(scope)
        if not self._doors.asks:  # many a client sends a key of no meaning
            given = _given(scope)
            word = self._doors.split(given[0])[1] if given is not None else ""
            refused = self._let_in(scope, Person("", "owner"), word[:MAX_WORD_CHARS])
        elif key is not None and (self._doors.accounts is not None or ":" not in key):
            refused = self._by_key(scope, key)
        else:
            refused, header = await self._by_password(scope, key)
            if header is not None:
                send = _telling(send, header)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _by_key(self, scope: Scope, secret: str) -> JSONResponse | None:
        found = self._doors.holder(secret)
        if found is None:
            return self._unauthorized(f"That key is not, or no longer, one of this studio. {ASKED}")
        person, key = found
        if (needed := "read" if scope["method"] in ("GET", "HEAD") else "draw") not in key.scopes:
            text = f"That key may not {needed}; make one that may."
            return JSONResponse(self._shape("Forbidden", text), 403)
        state = Request(scope).state
        state.caller = Caller(f"key/@{person.name}/{key.number}", person=person.name)
        state.role = person.role
        return None

    async def _by_password(
        self, scope: Scope, key: str | None
    ) -> tuple[JSONResponse | None, tuple[bytes, bytes] | None]:
        """The refusal, if any, and the header that makes a client known.

        Args:
            key: `NAME:PASSWORD`, of clients that know nothing but keys; None for HTTP basic.
        """
        given = _given(scope) if key is None else _parted(key)
        if given is None:
            return self._unauthorized(ASKED), None
        name, word = self._doors.split(given[0])
        # One after the other: what runs at once would count as guesses until it is answered.
        turn = self._turns.setdefault(name, asyncio.Lock())
        try:
            async with turn:
                attempt = self._logins.attempt(scope, name)
                if (wait_s := self._logins.begin(attempt)) > 0:
                    return too_many(wait_s), None
                person = await self._doors.person(name, given[1])
                if person is None:
                    return self._unauthorized(ASKED), None
                self._logins.succeed(attempt)
        finally:
            if not turn.locked():
                self._turns.pop(name, None)
        self._let_in(scope, person, word[:MAX_WORD_CHARS])
        return None, None if attempt.device else self._logins.cookie(name)

    def _unauthorized(self, text: str) -> JSONResponse:
        asks = {"WWW-Authenticate": 'Basic realm="Latent Loom"'}
        return JSONResponse(self._shape("Unauthorized", text), 401, asks)

    def _let_in(self, scope: Scope, person: Person, word: str) -> None:
        state = Request(scope).state
        state.role = person.role
        named = self._doors.owner(person.name)
        if word:
            state.caller = Caller(f"sdapi/{named}+{word}", person=person.name)
            return
        address = scope["client"][0] if scope.get("client") else ""
        alike = self._tunnel and is_local(address)
        state.caller = Caller(f"sdapi/{named or NO_LOGIN}@{address}", alike, person.name)


def _key(scope: Scope) -> str | None:
    """The key of a request that brings one."""
    kind, _, secret = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
    return secret.decode("latin-1").strip() if kind.lower() == b"bearer" else None


def _given(scope: Scope) -> tuple[str, str] | None:
    """Name and password of HTTP basic; None where none were sent."""
    kind, _, coded = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
    try:
        given = base64.b64decode(coded, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
    return _parted(given) if kind.lower() == b"basic" else None


def _parted(given: str) -> tuple[str, str] | None:
    name, colon, password = given.partition(":")
    return (name, password) if colon else None


def _telling(send: Send, header: tuple[bytes, bytes]) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return told
