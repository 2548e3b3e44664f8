"""What the list of jobs asks the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from ui.page.queueing import words_of
from ui.panels.queue import queue_functions


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine(step_time_s=30.0)
    yield fake
    fake.close()


def test_states_stops_and_moves_by_token(engine: FakeEngine) -> None:
    state, stop, up = queue_functions(engine)
    tokens = [ask(engine, Request(Txt2ImgSettings(prompt=text)), "ada") for text in "abc"]
    while engine.status(tokens[0]).state != "running":
        engine.wait(tokens[0], engine.status(tokens[0]).revision, 5.0)
    assert up({"job": tokens[2]}) == {}
    found = state({"jobs": [*tokens, "unknown"]})
    assert [one["state"] for one in found] == ["running", "queued", "queued", "gone"]
    assert [one.get("position") for one in found[:3]] == [0, 2, 1]
    assert stop({"job": tokens[1]}) == {}
    assert state({"jobs": [tokens[1]]})[0]["state"] == "stopped"
    assert "error" in up({"job": "unknown"})
    assert state(None) == []


def test_a_line_of_the_list_is_the_first_words() -> None:
    assert words_of("  a red\nhouse ", "txt2img") == "a red house"
    assert words_of("", "style_transfer") == "style transfer"
    assert len(words_of("x" * 500, "txt2img")) == 80
