"""Bounds on events in Gradio's queue, and an end for streams that nobody reads.

Gradio (6.31) can bound the events that wait (`max_size`), not those that run, nor what has ended
and waits in the memory of a session whose client never reads it; and its refusal names numbers of
its own. No issue upstream was found for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_EVENTS = 256
MAX_EVENTS_OF_ONE = 96
UNREAD_S = 60.0  # a script may ask for its answer by a second command
SHORT_S = 5.0  # where others wait for the place
LOOK_EVERY_S = 1.0
FULL = "The studio has too many requests at once; try again in a moment."
OWN_FULL = "You have too many requests at once; wait until some are answered."
_JOINS = ("/gradio_api/queue/join", "/gradio_api/call/")


class Joins:
    """Refuses events where too many are unanswered.

    Args:
        app: Gradio's; `SignedIn` stands before this.
        max_events: Unanswered events in all.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_events: int = MAX_EVENTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._max_events = max_events
        self._clock = clock
        self._unread: dict[str, float] = {}
        self._tidying: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        joins = scope["type"] == "http" and scope["method"] == "POST"
        if joins and scope["path"].startswith(_JOINS):
            refusal = await self._refusal(Request(scope))
            if refusal is not None:
                answer = JSONResponse({"detail": refusal}, 503, {"Retry-After": "2"})
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refusal(self, request: Request) -> str | None:
        gradio: Any = request.app
        queue: Any = gradio.get_blocks()._queue
        self._look(queue)
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy(queue))
        if _unanswered(queue) >= self._max_events:
            await self._reap(queue, SHORT_S)
        if _unanswered(queue) >= self._max_events:
            return FULL
        owner = getattr(request.state, "owner", "")
        if owner and _unanswered_of(queue, owner) >= MAX_EVENTS_OF_ONE:
            return OWN_FULL
        return None

    async def _tidy(self, queue: Any) -> None:
        """Looks again and again while anything is unread: a stream may be between two messages."""
        with contextlib.suppress(asyncio.CancelledError):
            while self._unread or queue.pending_messages_per_session:
                await asyncio.sleep(LOOK_EVERY_S)
                self._look(queue)
                await self._reap(queue, UNREAD_S)

    def _look(self, queue: Any) -> None:
        """Notes since when nobody has read a session's messages."""
        now = self._clock()
        unread = [
            session
            for session, messages in list(queue.pending_messages_per_session.items())
            if not messages._getters
        ]
        self._unread = {session: self._unread.get(session, now) for session in unread}

    async def _reap(self, queue: Any, patience_s: float) -> None:
        now = self._clock()
        for session, since in list(self._unread.items()):
            if now - since >= patience_s:
                del self._unread[session]
                await _forget(queue, session)


async def probe(request: Request) -> JSONResponse:
    """How much Gradio keeps: for a long run that looks whether anything grows."""
    gradio: Any = request.app
    queue: Any = gradio.get_blocks()._queue
    return JSONResponse(
        {
            "streams": len(queue.pending_messages_per_session),
            "events": _unanswered(queue) + len(queue.event_ids_to_events),
            "states": len(gradio.state_holder.session_data),
        }
    )


def _unanswered(queue: Any) -> int:
    return sum(len(ids) for ids in queue.pending_event_ids_session.values())


def _unanswered_of(queue: Any, owner: str) -> int:
    return sum(
        1
        for event in list(queue.event_ids_to_events.values())
        if getattr(getattr(event.request, "state", None), "owner", "") == owner
    )


async def _forget(queue: Any, session: str) -> None:
    """Ends what a session has waiting, and lets go of what it was sent."""
    await queue.clean_events(session_hash=session)
    queue.pending_messages_per_session.pop(session, None)
    for event in queue.pending_event_ids_session.pop(session, ()):
        queue.event_ids_to_events.pop(event, None)
