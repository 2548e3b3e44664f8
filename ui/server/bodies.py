"""An ASGI middleware that reads what is posted to Gradio's routes before Gradio does.

Gradio (6.31) fetches the address that a file of a request names, wholly into memory, after it has
asked a public name server about it: whoever may send a form could let the server ask anywhere. What
is no JSON object ends there in a traceback, as does a stream of a session that it does not know.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ROUTES = "/gradio_api/"
_ALIVE = "/gradio_api/heartbeat/"
_SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)
_ADDRESSES = ("http:", "https:", "ftp:", "file:")
_NOT_JSON = "The request is no JSON object; send one."
_UNFIT = "What was sent does not fit the page; reload it."
_FOREIGN = "Upload the file; an address is not fetched."


class Bodies:
    """Refuses posts to Gradio's routes that are no JSON object, or that name files elsewhere.

    Args:
        app: Gradio's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] != "http" or not scope["path"].startswith(_ROUTES):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith(_ALIVE) and not _SESSION.fullmatch(path[len(_ALIVE) :].rstrip("/")):
            await JSONResponse({"detail": _UNFIT}, 400)(scope, receive, send)
            return
        if not _is_read(scope):
            await self._answered(scope, receive, send)
            return
        try:
            body = await _whole(receive)
        except ClientDisconnect:
            return
        refusal = problem(body)
        if refusal is not None:
            await JSONResponse({"detail": refusal}, 400)(scope, receive, send)
            return
        await self._answered(scope, _again(body, receive), send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def told(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, told)
        except (LookupError, TypeError, ValueError, AttributeError):
            # Gradio's own routes fall over what their body lacks; events have a way of their own.
            if begun:
                raise
            await JSONResponse({"detail": _UNFIT}, 400)(scope, receive, send)
        except RuntimeError as error:
            # It finds that a stream's session is unknown once it has begun to answer.
            if not (begun and isinstance(error.__cause__, HTTPException)):
                raise
            await send({"type": "http.response.body", "body": b""})


def problem(body: bytes) -> str | None:
    """The sentence that refuses a body; None where Gradio may have it."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        return _NOT_JSON
    if not isinstance(sent, dict):
        return _NOT_JSON
    return _FOREIGN if _names_an_address(sent) else None


def _names_an_address(sent: Any) -> bool:
    """Whether any object within has a path that is an address, however deep it lies."""
    left: list[Any] = [sent]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            told = cast("dict[str, Any]", value)
            path = told.get("path")
            if isinstance(path, str) and path.strip().lower().startswith(_ADDRESSES):
                return True
            left.extend(told.values())
        elif isinstance(value, list):
            left.extend(cast("list[Any]", value))
    return False


def _is_read(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"].rstrip("/") != "/gradio_api/upload"


async def _whole(receive: Receive) -> bytes:
    """All of a body; the guard before this has bounded it."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body once more, and then what comes after it."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
