"""The page's name and password for `/sdapi/v1`, as HTTP basic."""

from __future__ import annotations

import base64
import binascii
import secrets

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class BasicAuth:
    """Asks for a name and password before a request's body is read.

    Args:
        app: What is behind it.
        pair: (user, password); None lets everybody in.
    """

    def __init__(self, app: ASGIApp, pair: tuple[str, str] | None) -> None:
        self._app = app
        self._pair = pair

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] == "http" and not self._knows(scope):
            text = "Send the page's name and password as HTTP basic authentication."
            refused = JSONResponse(
                {"error": "Unauthorized", "detail": text, "errors": text},
                401,
                {"WWW-Authenticate": 'Basic realm="Latent Loom"'},
            )
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        if self._pair is None:
            return True
        headers = dict(scope["headers"])
        kind, _, coded = headers.get(b"authorization", b"").partition(b" ")
        try:
            given = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            return False
        wanted = ":".join(self._pair).encode()
        return kind.lower() == b"basic" and secrets.compare_digest(given, wanted)
