"""An ASGI middleware before Gradio's route of files: pictures are served to who may see them, and
of other tools' folders pictures alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.storage.foreign_folders import SUFFIXES
from backend.storage.history import History
from ui.server.viewers import viewer_of

_FILE = "/gradio_api/file="


class OwnPictures:
    """Answers 404 to whoever asks for what is not theirs to see.

    Args:
        app: Gradio's; `SignedIn` stands before this.
        history: Knows whose pictures are.
        outputs: The folder of results, links followed.
        foreign: Folders of other tools, likewise: settings and keys may lie in them, too.
        private: Whether people see their own pictures alone.
    """

    def __init__(
        self,
        app: ASGIApp,
        history: History,
        outputs: Path,
        foreign: Sequence[Path] = (),
        *,
        private: bool = True,
    ) -> None:
        self._app = app
        self._history = history
        self._outputs = outputs
        self._foreign = foreign
        self._private = private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] == "http" and scope["path"].startswith(_FILE):
            named = scope["path"][len(_FILE) :]
            if not await asyncio.to_thread(self._may, Request(scope), named):
                await PlainTextResponse("Not found.", 404)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _may(self, request: Request, named: str) -> bool:
        try:
            path = Path(os.path.realpath(named))
        except (OSError, ValueError):
            return False
        if not path.is_relative_to(self._outputs):
            if not any(path.is_relative_to(folder) for folder in self._foreign):
                return True  # Gradio's own rules hold
            if path.suffix.lower() not in SUFFIXES:
                return False
        if not self._private:
            return True
        return self._history.may_see(path, viewer_of(request, private=True))
