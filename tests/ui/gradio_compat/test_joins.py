"""Events in Gradio's queue are bounded, and streams that nobody reads are let go."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ui.gradio_compat.joins import FULL, SHORT_S, UNREAD_S, Joins


class Queue:
    """As far as Gradio's is looked at."""

    def __init__(self) -> None:
        self.pending_messages_per_session: dict[str, asyncio.Queue[str]] = {}
        self.pending_event_ids_session: dict[str, set[str]] = {}
        self.event_ids_to_events: dict[str, Any] = {}
        self.cleaned: list[str] = []

    async def clean_events(self, *, session_hash: str) -> None:
        self.cleaned.append(session_hash)

    def join(self, session: str, event: str) -> None:
        self.pending_messages_per_session.setdefault(session, asyncio.Queue())
        self.pending_event_ids_session.setdefault(session, set()).add(event)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def made(queue: Queue, clock: Clock, limit: int) -> Joins:
    async def join(request: Request) -> Response:
        queue.join((await request.body()).decode(), f"event {len(queue.pending_event_ids_session)}")
        return PlainTextResponse("in")

    inside = Starlette(routes=[Route("/gradio_api/queue/join", join, methods=["POST"])])
    app: Any = SimpleNamespace(get_blocks=lambda: SimpleNamespace(_queue=queue))

    async def named(scope: Any, receive: Any, send: Any) -> None:
        await inside(scope, receive, send)

    joins = Joins(named, limit, clock)

    async def with_app(scope: Any, receive: Any, send: Any) -> None:
        scope["app"] = app
        await joins(scope, receive, send)

    return with_app  # type: ignore[return-value]


async def joining(client: httpx.AsyncClient, session: str) -> httpx.Response:
    return await client.post("/gradio_api/queue/join", content=session)


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x")


def test_more_than_the_limit_are_refused_by_a_sentence_until_the_oldest_give_way() -> None:
    async def work() -> None:
        queue, clock = Queue(), Clock()
        async with client_of(made(queue, clock, 10)) as client:
            codes = [(await joining(client, f"s{n}")).status_code for n in range(15)]
            assert codes == [200] * 10 + [503] * 5
            refused = await joining(client, "late")
            assert refused.json() == {"detail": FULL}
            assert refused.headers["retry-after"]
            clock.now += SHORT_S
            assert (await joining(client, "later")).status_code == 200
        assert len(queue.cleaned) == 10
        assert list(queue.pending_messages_per_session) == ["later"]

    asyncio.run(work())


def test_what_is_read_is_never_let_go() -> None:
    async def work() -> None:
        queue, clock = Queue(), Clock()
        async with client_of(made(queue, clock, 2)) as client:
            await joining(client, "read")
            reading = asyncio.create_task(queue.pending_messages_per_session["read"].get())
            await asyncio.sleep(0)
            await joining(client, "unread")
            assert (await joining(client, "early")).status_code == 503
            clock.now += UNREAD_S + 1
            assert (await joining(client, "third")).status_code == 200
            assert queue.cleaned == ["unread"]
            assert (await joining(client, "early")).status_code == 503
            clock.now += SHORT_S + 1
            assert (await joining(client, "fourth")).status_code == 200
            assert "read" in queue.pending_messages_per_session
            reading.cancel()

    asyncio.run(work())
