"""An ASGI middleware that tells browsers what they may do with the studio's answers.

Scripts are not limited to the studio's own: Gradio's page (6.31) carries its configuration in
scripts that stand in the page, and makes functions of texts.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOLD = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"frame-ancestors 'self'; object-src 'none'; base-uri 'self'; form-action 'self'",
    ),
)


class Headers:
    """Adds headers to every answer, and ties cookies to this site.

    Args:
        app: What is behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with_ours(message.get("headers", ()))}
            await send(message)

        await self._app(scope, receive, told)


def _with_ours(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    ours = {name for name, _ in TOLD}
    kept = [
        (name, _of_this_site(value) if name.lower() == b"set-cookie" else value)
        for name, value in headers
        if name.lower() not in ours
    ]
    return [*kept, *TOLD]


def _of_this_site(cookie: bytes) -> bytes:
    """A cookie that other sites' requests do not bring along (Gradio's login says "none")."""
    parts = [part.strip() for part in cookie.split(b";")]
    kept = [part for part in parts if not part.lower().startswith(b"samesite")]
    return b"; ".join([*kept, b"SameSite=lax"])
