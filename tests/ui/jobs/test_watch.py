"""The observer of jobs: states as they change, their ends, detaching."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from ui.jobs.state import ENDED
from ui.jobs.watch import events, watched


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine(step_time_s=0.005)
    yield fake
    fake.close()


def wanted(**values: object) -> Request:
    return Request(parse("txt2img", {"prompt": "a boat", "steps": 5, "seed": 1} | values))


async def states(engine: FakeEngine, *tokens: str) -> list[dict[str, Any]]:
    return [state async for state in watched(engine, tokens, every_s=0.01) if state is not None]


def test_a_run_ends_with_its_pictures(engine: FakeEngine) -> None:
    token = ask(engine, wanted(batch_size=2), "ada")
    last = asyncio.run(states(engine, token))[-1]
    assert last["state"] == "done"
    assert [result["seed"] for result in last["results"]] == [1, 2]
    assert last["results"][0]["url"] == f"loom/jobs/{token}/pictures/0"
    assert last["timeline"] == {"steps": 5, "batch": 2}


def test_a_failure_is_a_state(engine: FakeEngine) -> None:
    last = asyncio.run(states(engine, ask(engine, wanted(prompt="!oom"))))[-1]
    assert (last["state"], last["message"]) == (
        "failed",
        "This picture does not fit into memory; 768x768 would fit.",
    )


def test_what_did_not_change_is_not_told_again(engine: FakeEngine) -> None:
    seen = asyncio.run(states(engine, ask(engine, wanted(steps=30))))
    assert all(one != other for one, other in itertools.pairwise(seen))


def test_many_are_watched_at_once_and_the_unknown_is_gone(engine: FakeEngine) -> None:
    tokens = [ask(engine, wanted(prompt=text), "ada") for text in "ab"]
    seen = asyncio.run(states(engine, *tokens, "nobody's"))
    ends = {state["job"]: state["state"] for state in seen}
    assert ends == {tokens[0]: "done", tokens[1]: "done", "nobody's": "gone"}
    assert [state["state"] in ENDED for state in seen if state["job"] == tokens[1]][-1]


class Watched(FakeEngine):
    """Counts who goes away."""

    def __init__(self) -> None:
        super().__init__(step_time_s=30.0)
        self.detached: list[str] = []

    def detach(self, token: str) -> None:
        self.detached.append(token)
        super().detach(token)


def test_leaving_detaches_and_does_not_cancel() -> None:
    engine = Watched()

    async def leave() -> str:
        token = ask(engine, wanted())
        async with aclosing(watched(engine, [token])) as seen:
            await anext(seen)
        return token

    try:
        token = asyncio.run(leave())
        assert engine.detached == [token]
        assert engine.status(token).state in ("queued", "running")
    finally:
        engine.close()


def test_a_watcher_that_says_it_is_away_is_let_go() -> None:
    engine = Watched()
    looks = 0

    async def away() -> bool:
        nonlocal looks
        looks += 1
        return looks > 3

    async def until_away(token: str) -> None:
        async for _ in watched(engine, [token], away, every_s=0.01):
            pass

    try:
        token = ask(engine, wanted())
        asyncio.run(asyncio.wait_for(until_away(token), 5))
        assert engine.detached == [token]
    finally:
        engine.close()


def test_a_finished_job_is_not_detached(engine: FakeEngine) -> None:
    def never(token: str) -> None:
        pytest.fail("detached")

    engine.detach = never
    assert asyncio.run(states(engine, ask(engine, wanted())))[-1]["state"] == "done"


def test_the_stream_says_when_nothing_further_comes(engine: FakeEngine) -> None:
    token = ask(engine, wanted())

    async def sent() -> list[bytes]:
        return [part async for part in events(engine, [token])]

    parts = asyncio.run(sent())
    assert parts[0].startswith(b"retry: ")
    assert parts[-1] == b"event: end\ndata:\n\n"
    told = [json.loads(part.removeprefix(b"data: ")) for part in parts[1:-1]]
    assert [state["state"] for state in told][-1] == "done"
