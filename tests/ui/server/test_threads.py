"""Short waits have threads of their own."""

from __future__ import annotations

import asyncio
import threading

from starlette.types import Receive, Scope, Send

from ui.server.threads import LOOKS, Threads


def test_as_many_as_the_pool_has_wait_at_once_and_one_more_later() -> None:
    gate, inside, seen = threading.Event(), threading.Semaphore(0), list[str]()

    def wait() -> None:
        seen.append(threading.current_thread().name)
        inside.release()
        gate.wait(20)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(wait)

    async def go() -> int:
        threads = Threads(app)
        calls = [asyncio.create_task(threads({}, None, None)) for _ in range(LOOKS + 1)]  # type: ignore[arg-type]
        while inside._value < LOOKS:
            await asyncio.sleep(0.01)
        at_once = inside._value
        gate.set()
        await asyncio.gather(*calls)
        return at_once

    assert asyncio.run(go()) == LOOKS
    assert len(seen) == LOOKS + 1
    assert all(name.startswith("looks") for name in seen)
