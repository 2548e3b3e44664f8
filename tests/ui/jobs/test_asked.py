"""What a press asks for: read, queued once, refused by a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from backend.contracts.errors import BadInput, Fix
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import parse
from backend.engine.fake.engine import FakeEngine
from ui.jobs.asked import Asked, Place, Presses, submitted, words_of


class Desk:
    """Takes the prompt as it is."""

    async def request(self, raw: dict[str, Any], branch: Branch | None = None) -> Request:
        return Request(parse("txt2img", {"prompt": raw["prompt"], "steps": 2}), branch=branch)

    async def grid(self, raw: dict[str, Any]) -> Request:
        raise BadInput("Choose a setting for an axis.")

    def place(self, field: str) -> Place | None:
        return Place("size", "Size", "txt2img-advanced") if field == "width" else None


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine(step_time_s=30.0)
    yield fake
    fake.close()


def press(**more: Any) -> dict[str, Any]:
    return {"press": "p", "mode": "txt2img", "values": {"prompt": "a  red\nhouse"}} | more


def test_a_press_is_read_whole() -> None:
    asked = Asked.read(press(branch={"job": "j", "step": 3}, page="someone"))
    assert asked.branch == Branch("j", 3)
    fan = Asked.read(press(branch={"job": "j", "step": 3, "fan": True, "image": 2}))
    assert fan.branch == Branch("j", 3, fan=True, image=2)
    assert (asked.page, asked.grid, asked.values) == ("someone", False, press()["values"])
    assert Asked.read(press(branch={"job": "j", "step": True})).branch == Branch("j", 0)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"press": "p"},
        press(values=[]),
        press(press=""),
        press(press=1),
        press(page="x" * 65),
        press(mode=None),
    ],
)
def test_what_our_page_never_sends_is_refused(body: Any) -> None:
    with pytest.raises(BadInput, match="reload the page"):
        Asked.read(body)


def test_the_same_press_is_one_job(engine: FakeEngine) -> None:
    presses = Presses(kept=2)

    async def twice() -> list[dict[str, Any]]:
        asked = Asked.read(press())
        made = [
            presses.answer(key, lambda: submitted(engine, {"txt2img": Desk()}, asked, "ada"))
            for key in ("p", "p", "q")
        ]
        return await asyncio.gather(*made)

    first, again, other = asyncio.run(twice())
    assert first == again
    assert first["words"] == "a red house"
    assert other["job"] != first["job"]
    jobs = (first["job"], other["job"])
    assert sorted(engine.status(job).position for job in jobs) == [0, 1]


def test_an_answer_outlives_who_asked(engine: FakeEngine) -> None:
    presses = Presses()

    async def cut() -> dict[str, Any]:
        begun = asyncio.Event()

        async def slow() -> dict[str, Any]:
            begun.set()
            await asyncio.sleep(0.05)
            return {"job": "j"}

        first = asyncio.ensure_future(presses.answer("p", slow))
        await begun.wait()
        first.cancel()
        return await presses.answer("p", slow)

    assert asyncio.run(cut()) == {"job": "j"}


def test_refusals_are_sentences(engine: FakeEngine) -> None:
    async def answer(asked: Asked) -> dict[str, Any]:
        return await submitted(engine, {"txt2img": Desk()}, asked, "")

    assert asyncio.run(answer(Asked.read(press(mode="nowhere")))) == {
        "error": "There is no tab 'nowhere'."
    }
    assert asyncio.run(answer(Asked.read(press(grid=True)))) == {
        "error": "Choose a setting for an axis."
    }


@pytest.mark.parametrize(
    ("error", "further"),
    [
        (BadInput("No.", "nowhere"), {}),
        (
            BadInput("No.", "width"),
            {"field": {"key": "size", "label": "Size", "fold": "txt2img-advanced"}},
        ),
        (
            BadInput("No.", None, Fix("Switch", {"sampler": "ddim"})),
            {"fix": {"label": "Switch", "changes": {"sampler": "ddim"}}},
        ),
    ],
)
def test_a_refusal_says_where_to_look_and_what_would_do(
    engine: FakeEngine, error: BadInput, further: dict[str, Any]
) -> None:
    class Refusing(Desk):
        async def request(self, raw: dict[str, Any], branch: Branch | None = None) -> Request:
            raise error

    asked = Asked.read(press())
    answer = asyncio.run(submitted(engine, {"txt2img": Refusing()}, asked, ""))
    assert answer == {"error": "No.", **further}


def test_a_line_of_the_list_is_the_first_words() -> None:
    assert words_of("  a red\nhouse ", "txt2img") == "a red house"
    assert words_of("", "style_transfer") == "style transfer"
    assert len(words_of("x" * 500, "txt2img")) == 80
