"""Asks for the page's login on routes beside Gradio's.

`launch(auth=...)` guards Gradio's own routes (6.31); those that stand beside them in the same
application answer everybody. Upstream: gradio-app/gradio#7629 asks for its login in a larger
application.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.storage.accounts import Role

_KINDS = ("access-token", "access-token-unsecure")


class SignedIn:
    """Lets pass who has logged in to the page, or everybody where it has no login.

    Args:
        app: What is behind it; it finds the name, or None, as `user` in the request's state, and
            as `owner` a text that is the same for one login session and for no other.
        open_to_all: Paths that answer everybody; one that ends in a slash stands for all that
            begin with it.
        role: What somebody may do who has logged in; None for who may not come in any more.
        named: How an account begins what is its own.
    """

    def __init__(
        self,
        app: ASGIApp,
        open_to_all: Collection[str] = (),
        role: Callable[[str | None], Role | None] | None = None,
        named: Callable[[str], str] = str,
    ) -> None:
        self._named = named
        self._app = app
        self._role = role
        self._exact = frozenset(open_to_all)
        self._begins = tuple(path for path in open_to_all if path[1:].endswith("/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] == "http":
            request = Request(scope)
            gradio, token = request.app, _token(request)
            if gradio.auth is not None and token is None and not self._is_open(scope["path"]):
                told = "Log in first."
                await JSONResponse({"error": told, "detail": told}, 401)(scope, receive, send)
                return
            request.state.user = None if token is None else gradio.tokens[token]
            if not getattr(request.state, "owner", ""):
                request.state.owner = self._owner(request.state.user, token)
            if self._role is not None:
                request.state.role = self._role(request.state.user) or "guest"
        await self._app(scope, receive, send)

    def _owner(self, user: str | None, token: str | None) -> str:
        if user is None or token is None:
            return ""
        return f"{self._named(user)}/{hashlib.blake2b(token.encode(), digest_size=8).hexdigest()}"

    def _is_open(self, path: str) -> bool:
        return (path.rstrip("/") or "/") in self._exact or path.startswith(self._begins)


def sign_in(request: Request, answer: Response, name: str) -> None:
    """Opens a login session of an account, as the login page does for the right password."""
    app: Any = request.app
    token = secrets.token_urlsafe(16)
    app.tokens[token] = name
    for kind in _KINDS:
        secure = not kind.endswith("unsecure")
        answer.set_cookie(f"{kind}-{app.cookie_id}", token, httponly=True, secure=secure)


async def sign_out(request: Request) -> Response:
    """Ends the login session of this browser, and no other of the same name."""
    app: Any = request.app
    answer = JSONResponse({}, headers={"Cache-Control": "no-store"})
    for kind in _KINDS:
        name = f"{kind}-{app.cookie_id}"
        app.tokens.pop(request.cookies.get(name), None)
        answer.delete_cookie(name)
    return answer


def owner_of(request: gr.Request) -> str:
    """Whose an event of the page or of a script is: a login session, else a session of Gradio's.

    The queue is fair to them; no authority rests on the latter, which clients choose.
    """
    state: Any = request.request.state if request.request is not None else None
    owner = getattr(state, "owner", "")
    return str(owner or request.username or request.session_hash or "")


def _token(request: Request) -> str | None:
    """What shows that a request's browser has logged in; None where nothing does."""
    app: Any = request.app
    for kind in _KINDS:
        token = request.cookies.get(f"{kind}-{app.cookie_id}")
        if token is not None and token in app.tokens:
            return token
    return None
