"""Threads for what page actions wait for, apart from those of long work.

asyncio's own pool has as many threads as the machine has cores, and four: passwords that are
hashed, or scripts' pictures that are packed, would keep every look at a job waiting.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.types import ASGIApp, Receive, Scope, Send

LOOKS = 64


class Threads:
    """An ASGI middleware that gives its event loop a pool for short waits.

    Args:
        app: What is behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._loops: set[int] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        loop = asyncio.get_running_loop()
        if id(loop) not in self._loops:
            self._loops.add(id(loop))
            loop.set_default_executor(ThreadPoolExecutor(LOOKS, thread_name_prefix="looks"))
        await self._app(scope, receive, send)
