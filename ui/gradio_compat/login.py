"""Asks for the page's login on routes beside Gradio's.

`launch(auth=...)` guards Gradio's own routes (6.31); those that stand beside them in the same
application answer everybody. Upstream: gradio-app/gradio#7629 asks for its login in a larger
application.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class SignedIn:
    """Lets pass who has logged in to the page, or everybody where it has no login.

    Args:
        app: What is behind it; it finds the name, or None, as `user` in the request's state.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] == "http":
            request = Request(scope)
            gradio, user = request.app, user_of(request)
            if gradio.auth is not None and user is None:
                await JSONResponse({"error": "Log in first."}, 401)(scope, receive, send)
                return
            request.state.user = user
        await self._app(scope, receive, send)


def user_of(request: Request) -> str | None:
    """The name under which a request's browser has logged in; None without a login."""
    app: Any = request.app
    for kind in ("access-token", "access-token-unsecure"):
        token = request.cookies.get(f"{kind}-{app.cookie_id}")
        if token is not None and token in app.tokens:
            return app.tokens[token]
    return None
