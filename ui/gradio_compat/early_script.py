"""Puts the page's script where a browser runs it before Gradio's.

What `launch(head=...)` is given (6.31) comes inside the page's configuration and is put into the
document by Gradio's own script: code in it travels with every visit, and a file that it names comes
after the first components have asked for it. Upstream: gradio-app/gradio#13449 mended the order
among such scripts, not that they come late.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.gradio_compat.inline_scripts import allow, template_scripts
from ui.gradio_compat.page_once import Pages, key_of, packed
from ui.server.headers import SCRIPTS

_BEFORE = b'<script type="module" crossorigin'
_OWN = _BEFORE + b' src="./assets/'  # not so before a shared page is served from here (own_files)


class EarlyScript:
    """Names a script in the served page, in front of Gradio's, and notes which others stand in it.

    Args:
        app: Gradio's.
        src: Address of the script, relative to the page.
    """

    def __init__(self, app: ASGIApp, src: str) -> None:
        self._app = app
        self._known = template_scripts()
        self._pages = Pages()
        self._tag = f'<script defer src="{src}"></script>'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] != "http" or scope["path"].startswith(("/gradio_api", "/assets", "/loom")):
            await self._app(scope, receive, send)
            return
        key = key_of(scope)
        if (kept := self._pages.get(key)) is not None:
            await kept.send(scope, send)
            return
        head: Message | None = None
        body = bytearray()

        async def named(message: Message) -> None:
            nonlocal head
            if message["type"] == "http.response.start" and _is_page(message):
                head = message
            elif head is None:
                await send(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    changed = bytes(body).replace(_BEFORE, self._tag + _BEFORE, 1)
                    allow(scope, changed.decode("utf-8"), self._known)
                    if key is not None and _OWN in changed:
                        made = await asyncio.to_thread(
                            packed, head, changed, scope["state"][SCRIPTS]
                        )
                        if made is not None:
                            self._pages.put(key, made)
                            await made.send(scope, send)
                            return
                    await send(_with_length(head, len(changed)))
                    await send({"type": "http.response.body", "body": changed})

        await self._app(scope, receive, named)


def _is_page(start: Message) -> bool:
    headers = dict(start["headers"])
    return start["status"] == 200 and headers.get(b"content-type", b"").startswith(b"text/html")


def _with_length(start: Message, size_bytes: int) -> Message:
    headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
    return {**start, "headers": [*headers, (b"content-length", str(size_bytes).encode())]}
