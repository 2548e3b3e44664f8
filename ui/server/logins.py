"""How often one may guess at a password: counted before the answer, so that a burst counts too.

After some free tries each further one waits twice as long as the one before. Who has logged in
once has a signed cookie, is counted apart from all others and has a reserve of its own: nobody
locks out the rightful. Addresses count where they tell people apart, which this machine's own does
not: behind a share link or a proxy that is not named by `--trusted-proxy` everybody comes from it.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.server.share import is_local

COOKIE = "loom-device"
COOKIE_S = 180 * 24 * 3600
MAX_FORM_BYTES = 16_384
FREE_TRIES = 10
FREE_TRIES_AN_ADDRESS = 30
FREE_TRIES_OF_ALL = 100  # at one account, from whatever addresses
LONGEST_WAIT_S = 60.0
FORGOTTEN_S = 900.0
A_MINUTE = 120  # tries of strangers, at all accounts together
A_MINUTE_OF_KNOWN = 120  # their reserve
_PLACES = 2**16


@dataclass(frozen=True)
class Attempt:
    """Who tries a password.

    Attributes:
        account: The name that was given.
        address: From where; empty where that tells nobody apart.
        device: Number of a device that has logged in to this account before; empty for strangers.
    """

    account: str
    address: str = ""
    device: str = ""


@dataclass
class _Tries:
    count: int = 0
    last_s: float = -math.inf


class Logins:
    """Counts tries and says how long the next one has to wait. For one event loop.

    Args:
        key: Signs devices' cookies; the same after a restart, so that they stay known.
        clock: Seconds, rising.
    """

    def __init__(self, key: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = key
        self._clock = clock
        # Names are made up at will: in places of a number that is given, none pushes another out.
        self._tries: dict[int, _Tries] = {}
        self._strangers: deque[float] = deque()
        self._known: deque[float] = deque()

    def begin(self, attempt: Attempt) -> float:
        """Counts a try before it is looked at; else says how many seconds it has to wait."""
        now = self._clock()
        waits = [self._wait(place, free, now) for place, free in self._places(attempt)]
        pool, room = self._pool(attempt)
        while pool and now - pool[0] >= 60.0:
            pool.popleft()
        if len(pool) >= room:
            waits.append(60.0 - (now - pool[0]))
        if (longest := max(waits)) > 0:
            return longest
        for place, _ in self._places(attempt):
            tries = self._tries.setdefault(place, _Tries())
            tries.count, tries.last_s = tries.count + 1, now
        pool.append(now)
        return 0.0

    def succeed(self, attempt: Attempt) -> None:
        """It was the right password: the try counts for nothing.

        Those before it, of strangers at the same account, go on counting: they were not its own.
        """
        for place, _ in self._places(attempt):
            tries = self._tries.get(place)
            if tries is not None:
                tries.count = 0 if attempt.device else max(0, tries.count - 1)
        pool, _ = self._pool(attempt)
        if pool:
            pool.pop()

    def attempt(self, scope: Scope, account: str) -> Attempt:
        """Who tries by this request."""
        client = scope.get("client")
        address = str(client[0]) if client else ""
        cookie = _cookie(scope)
        number, _, _ = cookie.partition(".")
        known = bool(cookie) and hmac.compare_digest(cookie, self._signed(number, account))
        return Attempt(
            account, "" if not address or is_local(address) else address, number if known else ""
        )

    def cookie(self, account: str) -> tuple[bytes, bytes]:
        """The header by which a browser is known the next time."""
        value = self._signed(secrets.token_urlsafe(12), account)
        told = f"{COOKIE}={value}; Max-Age={COOKIE_S}; Path=/; HttpOnly; SameSite=lax"
        return b"set-cookie", told.encode()

    def _signed(self, number: str, account: str) -> str:
        said = f"{number}\0{account}".encode("utf-8", "surrogatepass")
        return f"{number}.{hmac.new(self._key, said, hashlib.sha256).hexdigest()}"

    def _places(self, attempt: Attempt) -> list[tuple[int, int]]:
        """Where the tries are counted, and how many are free there."""
        if attempt.device:
            return [(self._place("device", attempt.device), FREE_TRIES)]
        if not attempt.address:
            return [(self._place("account", attempt.account), FREE_TRIES)]
        return [
            (self._place("pair", f"{attempt.account}\0{attempt.address}"), FREE_TRIES),
            (self._place("address", attempt.address), FREE_TRIES_AN_ADDRESS),
            (self._place("all", attempt.account), FREE_TRIES_OF_ALL),
        ]

    def _place(self, kind: str, text: str) -> int:
        said = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(said, key=self._key[:64], digest_size=4).digest()
        return int.from_bytes(digest, "big") % _PLACES

    def _wait(self, place: int, free: int, now: float) -> float:
        tries = self._tries.get(place)
        if tries is None:
            return 0.0
        if now - tries.last_s > FORGOTTEN_S:
            del self._tries[place]
            return 0.0
        over = tries.count - free
        pause_s = min(2.0 ** min(over + 1, 10), LONGEST_WAIT_S) if over >= 0 else 0.0
        return max(0.0, tries.last_s + pause_s - now)

    def _pool(self, attempt: Attempt) -> tuple[deque[float], int]:
        return (self._known, A_MINUTE_OF_KNOWN) if attempt.device else (self._strangers, A_MINUTE)


def too_many(wait_s: float) -> JSONResponse:
    """The answer to a try that has to wait."""
    seconds = math.ceil(wait_s)
    unit = "second" if seconds == 1 else "seconds"
    told = f"Too many failed logins; try again in {seconds} {unit}."
    return JSONResponse(
        {"error": told, "detail": told, "errors": told}, 429, {"Retry-After": str(seconds)}
    )


class LoginGate:
    """Stands before the page's login.

    Args:
        app: Answers 200 to the right password.
        logins: Counts.
    """

    def __init__(self, app: ASGIApp, logins: Logins) -> None:
        self._app = app
        self._logins = logins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        logs_in = scope["type"] == "http" and scope["path"].rstrip("/") == "/login"
        if not logs_in or scope.get("method") != "POST":
            await self._app(scope, receive, send)
            return
        try:
            body = await _form(receive)
            account = await _account(scope, body)
        except ClientDisconnect:
            return
        if account is None:
            told = "Send a name and a password, as the login page does."
            await JSONResponse({"detail": told}, 422)(scope, receive, send)
            return
        attempt = self._logins.attempt(scope, account)
        if (wait_s := self._logins.begin(attempt)) > 0:
            await too_many(wait_s)(scope, receive, send)
            return

        async def told_of(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                self._logins.succeed(attempt)
                if not attempt.device:
                    known = self._logins.cookie(account)
                    message = {**message, "headers": [*message.get("headers", ()), known]}
            await send(message)

        await self._app(scope, _replayed(body), told_of)


async def _form(receive: Receive) -> bytes | None:
    """A form's bytes; None where it is longer than a name and a password can be."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_FORM_BYTES:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _account(scope: Scope, body: bytes | None) -> str | None:
    """The name in a form of either kind, as the login takes it."""
    if body is None:
        return None
    kind = dict(scope["headers"]).get(b"content-type", b"").lower()
    if kind.startswith(b"multipart/form-data"):
        try:
            form = await Request(scope, _replayed(body)).form(max_files=0, max_fields=8)
        except HTTPException:
            return None
        name = form.get("username")
    else:
        try:
            name = dict(parse_qsl(body.decode("utf-8"), max_num_fields=8)).get("username")
        except ValueError:
            return None
    return name.strip() if isinstance(name, str) and name.strip() else None


def _replayed(body: bytes | None) -> Receive:
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body or b"", "more_body": False}

    return once


def _cookie(scope: Scope) -> str:
    sent = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    try:
        found = SimpleCookie(sent.decode("latin-1")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None and found.value.isascii() else ""
