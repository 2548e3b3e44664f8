"""An ASGI middleware that tells browsers what they may do with the studio's answers.

Scripts are the studio's files, and those in the page whose hashes are told: one that was brought in
stays dead. Gradio's page (6.31) makes functions of texts of its own, which `unsafe-eval` allows.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOLD = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
SCRIPTS = "script_hashes"  # in a request's state: of those that stand in its page
_POLICY = b"content-security-policy"
_FILES = "/gradio_api/file="  # what people have sent: nothing in it may run


def policy(scripts: Iterable[str] = ()) -> str:
    """What a page may load and run.

    Args:
        scripts: Hashes of those that stand in it.
    """
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self' 'unsafe-eval'", *scripts)),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "frame-ancestors 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
        )
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
                message = {**message, "headers": _with_ours(message.get("headers", ()), scope)}
            await send(message)

        await self._app(scope, receive, told)


def _with_ours(headers: list[tuple[bytes, bytes]], scope: Scope) -> list[tuple[bytes, bytes]]:
    told = policy(scope.get("state", {}).get(SCRIPTS, ()))
    if scope["path"].startswith(_FILES):
        told += "; sandbox"
    ours = {_POLICY, *(name for name, _ in TOLD)}
    kept = [
        (name, _of_this_site(value) if name.lower() == b"set-cookie" else value)
        for name, value in headers
        if name.lower() not in ours
    ]
    return [*kept, *TOLD, (_POLICY, told.encode())]


def _of_this_site(cookie: bytes) -> bytes:
    """A cookie that other sites' requests do not bring along (Gradio's login says "none")."""
    parts = [part.strip() for part in cookie.split(b";")]
    kept = [part for part in parts if not part.lower().startswith(b"samesite")]
    return b"; ".join([*kept, b"SameSite=lax"])
