"""The observer of a job: states, sentences, detaching."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from backend.contracts.errors import OutOfMemory
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from ui.page.stream import failed, file_url, observe, run, sentence


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine(step_time_s=0.005)
    yield fake
    fake.close()


def wanted(**values: object) -> Request:
    return Request(parse("txt2img", {"prompt": "a boat", "steps": 5, "seed": 1} | values))


async def states(engine: FakeEngine, request: Request) -> list[dict[str, object]]:
    return [state async for state in run(engine, request, "ada")]


def test_a_run_ends_with_its_pictures(engine: FakeEngine) -> None:
    last = asyncio.run(states(engine, wanted(batch_size=2)))[-1]
    assert last["state"] == "done"
    assert [result["seed"] for result in last["results"]] == [1, 2]
    assert last["results"][0]["url"].startswith("data:image/png")
    assert last["timeline"] == {"steps": 5}


def test_a_failure_is_a_state(engine: FakeEngine) -> None:
    last = asyncio.run(states(engine, wanted(prompt="!oom")))[-1]
    assert (last["state"], last["message"]) == (
        "failed",
        "This picture does not fit into memory; 768x768 would fit.",
    )


def test_a_refused_request_is_a_state(engine: FakeEngine) -> None:
    only = asyncio.run(states(engine, wanted(model="nowhere")))
    assert [state["state"] for state in only] == ["failed"]
    assert "nowhere" in str(only[0]["message"])


def test_leaving_detaches_and_does_not_cancel() -> None:
    class Watched(FakeEngine):
        detached = 0

        def detach(self, token: str) -> None:
            self.detached += 1
            super().detach(token)

    engine = Watched(step_time_s=30.0)

    async def leave() -> str:
        token = ask(engine, wanted())
        states = observe(engine, token)
        await anext(states)
        await states.aclose()
        return token

    try:
        token = asyncio.run(leave())
        assert engine.detached == 1
        assert engine.status(token).state in ("queued", "running")
    finally:
        engine.close()


def test_a_finished_job_is_not_detached(engine: FakeEngine) -> None:
    def never(token: str) -> None:
        pytest.fail("detached")

    engine.detach = never
    assert asyncio.run(states(engine, wanted()))[-1]["state"] == "done"


def test_only_our_errors_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    assert sentence(OutOfMemory("Too large.")) == "Too large."
    text = sentence(RuntimeError("/secret/path"))
    assert "/secret" not in text
    assert "/secret" in caplog.text
    assert failed(OutOfMemory("Too large."))["message"] == "Too large."


def test_file_names_are_quoted(tmp_path: object) -> None:
    from pathlib import Path

    assert file_url(Path("/a b/ü?.png")) == "gradio_api/file=/a%20b/%C3%BC%3F.png"
