"""Waiting for a job, and for a client that may hang up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from ui.openai.waiting import Failed, ended


class Client:
    """Hangs up, or stays."""

    def __init__(self, gone: bool) -> None:
        self._gone = gone

    async def is_disconnected(self) -> bool:
        return self._gone


def waited(prompt: str, *, gone: bool = False, steps: int = 2) -> Any:
    engine = FakeEngine(step_time_s=0.01)
    settings = Txt2ImgSettings(prompt=prompt, steps=steps, width=64, height=64, seed=1)
    client: Any = Client(gone)
    try:
        return asyncio.run(ended(engine, ask(engine, Request(settings, save=False)), client))
    finally:
        engine.close()


def test_the_job_comes_back_when_it_has_ended() -> None:
    assert len(waited("a boat").outputs) == 1


def test_one_that_failed_is_a_sentence() -> None:
    with pytest.raises(Failed, match=r"\w+"):
        waited("!oom")


def test_a_client_that_hangs_up_stops_it() -> None:
    with pytest.raises(Failed, match=r"[Ss]topped"):
        waited("a boat", gone=True, steps=150)
