"""Pictures as they form, as events."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from ui.openai.answers import size_of
from ui.openai.mapping import apart
from ui.openai.payloads import Edit, Generation, Prompted
from ui.openai.streaming import events, line


def streamed(sent: Prompted, prompt: str = "a boat", count: int = 1) -> list[dict[str, Any]]:
    engine = FakeEngine(step_time_s=0.05)
    settings = Txt2ImgSettings(
        prompt=prompt, steps=12, width=64, height=64, seed=1, batch_size=count
    )

    async def all_of() -> list[dict[str, Any]]:
        several = apart(Request(settings, save=False))
        first = ask(engine, several[0], "ada")
        return [event async for event in events(engine, "ada", sent, several, first)]

    try:
        return asyncio.run(all_of())
    finally:
        engine.close()


def test_partial_images_come_before_the_picture() -> None:
    told = streamed(Generation(prompt="a", stream=True, partial_images=2))
    kinds = [event["type"] for event in told]
    assert kinds[-1] == "image_generation.completed"
    assert 1 <= len(kinds) - 1 <= 2
    assert set(kinds[:-1]) == {"image_generation.partial_image"}
    assert [event["partial_image_index"] for event in told[:-1]] == list(range(len(kinds) - 1))
    for event in told:
        width, height = size_of(base64.b64decode(event["b64_json"]))
        assert event["size"] == f"{width}x{height}"
    assert told[-1]["size"] == "64x64"


def test_each_picture_has_its_end() -> None:
    told = streamed(Edit(prompt="a", stream=True), count=2)
    assert [event["type"] for event in told] == ["image_edit.completed"] * 2
    assert told[0]["b64_json"] != told[1]["b64_json"]


def test_a_failure_is_an_event() -> None:
    told = streamed(Generation(prompt="a", stream=True), prompt="!oom")
    assert told[-1]["type"] == "error"
    assert told[-1]["error"]["message"]


@pytest.mark.parametrize("text", ["a", "line\nline", "ü"])
def test_an_event_is_two_lines_and_an_empty_one(text: str) -> None:
    name, data, *rest = line({"type": "x", "told": text}).split("\n")
    assert (name, rest) == ("event: x", ["", ""])
    assert json.loads(data.removeprefix("data: "))["told"] == text
