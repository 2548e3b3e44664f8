"""Verifying without a browser: the states that the page is sent, and what stops the run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.storage.outputs import Storage
from backend.storage.presets import PresetStore
from backend.storage.styles import StyleShelf
from tests.jobs import ended
from ui.panels.verify import GONE, _verify
from ui.server.studio import Studio

WHO = SimpleNamespace(username=None, session_hash="somebody", request=None)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    made = FakeEngine(storage=Storage(tmp_path), step_time_s=0.005)
    yield made
    made.close()


def studio(engine: FakeEngine, folder: Path) -> Studio:
    return Studio(
        engine,
        PresetStore(folder / "none", folder / "presets"),
        Storage(folder),
        StyleShelf(folder / "none.csv", folder / "styles.csv"),
    )


def drawn(engine: FakeEngine) -> str:
    job = ask(engine, Request(Txt2ImgSettings(prompt="a house", steps=20, seed=4)))
    ended(engine, job)
    return job


def asked(**data: Any) -> Any:
    return SimpleNamespace(_data={"ask": 3, **data})


def test_the_states_end_in_a_report(engine: FakeEngine, tmp_path: Path) -> None:
    job = drawn(engine)
    verify = _verify(studio(engine, tmp_path), {})

    async def states() -> list[dict[str, Any]]:
        return [state async for state in verify(asked(job=job, image=0), WHO)]

    seen = asyncio.run(states())
    assert {state["ask"] for state in seen} == {3}
    assert seen[-1]["state"] == "done"
    assert seen[-1]["report"]["verdict"] == "The same, bit for bit."
    assert seen[-1]["then"] == seen[-1]["now"]
    assert seen[-1]["then"].startswith("data:image/png;base64,")
    assert len(list(tmp_path.rglob("*.png"))) == 1  # nothing was saved by it


def test_a_page_that_goes_away_stops_the_run(engine: FakeEngine, tmp_path: Path) -> None:
    job = drawn(engine)
    engine.step_time_s = 0.5
    verify = _verify(studio(engine, tmp_path), {})

    async def first() -> str:
        states = verify(asked(job=job, image=0), WHO)
        state = await anext(states)
        await states.aclose()
        return str(state["job"])

    assert ended(engine, asyncio.run(first())).state == "stopped"


def test_a_run_that_was_stopped_is_not_compared(engine: FakeEngine, tmp_path: Path) -> None:
    job = drawn(engine)
    engine.step_time_s = 0.5
    verify = _verify(studio(engine, tmp_path), {})

    async def last() -> dict[str, Any]:
        state: dict[str, Any] = {}
        async for state in verify(asked(job=job, image=0), WHO):
            if state["job"]:
                engine.cancel(state["job"])
        return state

    state = asyncio.run(last())
    assert state["state"] == "failed"
    assert "Stopped" in state["message"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"job": "nobody's"}, GONE),
        ({}, GONE),
        ({"job": 3, "image": "x"}, GONE),
        ({"name": "../secret.png"}, "There is no such picture among the outputs."),
        ({"path": "/etc/hostname"}, "Upload the file; a path on the server is not accepted."),
    ],
)
def test_what_is_not_there_is_a_sentence(
    engine: FakeEngine, tmp_path: Path, data: dict[str, Any], words: str
) -> None:
    verify = _verify(studio(engine, tmp_path), {})

    async def states() -> list[dict[str, Any]]:
        return [state async for state in verify(asked(**data), WHO)]

    (state,) = asyncio.run(states())
    assert (state["state"], state["message"]) == ("failed", words)
