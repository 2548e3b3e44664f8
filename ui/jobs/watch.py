"""Jobs as their page sees them: states as they change, sent as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any

from backend.contracts.errors import LoomError
from backend.engine.jobs.protocol import Engine
from ui.jobs.state import ENDED, gone, state_of

STATUS_EVERY_S = 0.2
ALIVE_EVERY_S = 15.0
RETRY_MS = 300
MAX_WATCHED = 64


async def _here() -> bool:
    return False


async def watched(
    engine: Engine,
    tokens: Iterable[str],
    away: Callable[[], Awaitable[bool]] = _here,
    every_s: float = STATUS_EVERY_S,
) -> AsyncGenerator[dict[str, Any] | None, None]:
    """Yields each job's state whenever it has changed, until all have ended.

    Only observes: when the watcher goes away, its jobs are detached and have their grace period.

    Args:
        engine: Asked in a thread: it may still be starting.
        tokens: Of the jobs; a state of "gone" says that one is not known.
        away: Says whether the watcher has gone.
        every_s: Seconds between two looks.

    Yields:
        A state, or None where there was nothing to tell for `ALIVE_EVERY_S`.
    """
    last: dict[str, dict[str, Any] | None] = dict.fromkeys(list(tokens)[:MAX_WATCHED])
    quiet_s = 0.0
    try:
        while last and not await away():
            for token in list(last):
                state = await asyncio.to_thread(_look, engine, token)
                before = last[token]
                if state["state"] in (*ENDED, "gone"):
                    del last[token]
                else:
                    last[token] = state
                if state != before:
                    quiet_s = 0.0
                    yield state
            if last:
                await asyncio.sleep(every_s)
                quiet_s += every_s
            if quiet_s >= ALIVE_EVERY_S:
                quiet_s = 0.0
                yield None
    finally:
        for token, state in last.items():
            if state is not None:
                engine.detach(token)


def _look(engine: Engine, token: str) -> dict[str, Any]:
    try:
        status = engine.status(token)
        engine.touch(token)
    except LoomError:
        return gone(token)
    return state_of(status)


async def events(
    engine: Engine, tokens: Iterable[str], away: Callable[[], Awaitable[bool]] = _here
) -> AsyncGenerator[bytes, None]:
    """The states as an event stream; the event "end" says that nothing further will come."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    async with aclosing(watched(engine, tokens, away)) as states:
        async for state in states:
            yield b":\n\n" if state is None else f"data: {json.dumps(state)}\n\n".encode()
    yield b"event: end\ndata:\n\n"
