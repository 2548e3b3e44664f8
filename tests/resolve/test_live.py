"""Changes of a running request: settled as requests are, and when they begin to act."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Request, ResolvedRequest
from backend.contracts.settings import parse
from backend.contracts.settings.live import LiveChange
from backend.resolve.live import Course, Wish, settled, takes_changes
from backend.resolve.request import resolve_pictures
from tests.resolve.library import LIBRARY, PICTURE


def running(mode: str = "txt2img", **values: Any) -> ResolvedRequest:
    given = {"model": "sea", "prompt": "a house", "seed": 3} | values
    return resolve_pictures(Request(parse(mode, given), {"image": PICTURE}), LIBRARY)


def test_a_change_is_what_differs_now() -> None:
    request = running(guidance_scale=4.0)
    same = {"prompt": "a house", "guidance_scale": 4.0}
    assert settled(request, (), same, LIBRARY)[0] == {}
    wish, resolved = settled(request, (), {**same, "prompt": "a boat"}, LIBRARY)
    assert wish == {"prompt": "a boat"}
    assert resolved.runs[0].prompt == "a boat"
    back, _ = settled(request, (wish,), same, LIBRARY)
    assert back == {"prompt": "a house"}


def test_words_are_drawn_by_the_seed_of_the_run() -> None:
    request = running(prompt="a {red|blue|green} house")
    assert settled(request, (), {"prompt": "a {red|blue|green} house"}, LIBRARY)[0] == {}


def test_a_change_is_refused_as_a_request_is() -> None:
    with pytest.raises(BadInput, match="cannot be changed while the picture forms"):
        settled(running(), (), {"sampler": "euler"}, LIBRARY)
    with pytest.raises(BadInput, match="cannot be changed while it goes on"):
        settled(running("img2img", strengths=[0.3, 0.6]), (), {"prompt": "a boat"}, LIBRARY)
    with pytest.raises(BadInput, match="Only the weights of LoRAs"):
        settled(running(), (), {"prompt": "a boat <lora:ink:1>"}, LIBRARY)
    assert not takes_changes(parse("morph", {}))


def test_a_wish_acts_from_the_next_step_on() -> None:
    wishes: list[Wish] = []
    settings = parse("txt2img", {"prompt": "a house", "guidance_scale": 4.0})
    course = Course.of(settings, lambda: wishes)
    assert course.reach((0, 0)) == ()
    wishes.append({"prompt": "a boat"})
    assert course.reach((0, 1)) == (LiveChange(step=1, field="prompt", value="a boat"),)
    assert course.reach((0, 2)) == ()
    wishes += [{"guidance_scale": 5.0}, {"prompt": "a tree"}]
    assert [each.field for each in course.reach((1, 0))] == ["guidance_scale", "prompt"]
    now = course.now(settings)
    assert (now.prompt, now.guidance_scale) == ("a tree", 5.0)
    assert course.noted(settings).changes == course.made  # type: ignore[attr-defined]
    assert course.noted(settings).prompt == "a house"


def test_what_a_record_notes_acts_at_its_step_and_before_further_wishes() -> None:
    noted = [
        {"step": 1, "field": "prompt", "value": "a boat"},
        {"step": 3, "field": "prompt", "value": "a tree"},
        {"stage": 1, "step": 2, "field": "prompt", "value": "a cat"},
    ]
    settings = parse("txt2img", {"prompt": "a house", "changes": noted})
    wishes: list[Wish] = []
    course = Course.of(settings, lambda: wishes)
    said = []
    for place in ((0, 0), (0, 1), (0, 2), (0, 3)):
        course.reach(place)
        said.append(course.now(settings).prompt)
    assert said == ["a house", "a boat", "a boat", "a tree"]
    wishes.append({"prompt": "a dog"})
    course.reach((1, 1))
    assert course.now(settings).prompt == "a dog"
    course.reach((1, 2))
    assert course.now(settings).prompt == "a cat"
    late = Course.of(settings, lambda: ())
    late.reach((0, 3))
    assert (late.now(settings).prompt, len(late.made)) == ("a tree", 2)


def test_a_mode_that_is_not_changed_hears_no_wish() -> None:
    course = Course.of(parse("morph", {}), lambda: [{"prompt": "a boat"}])
    assert course.reach((0, 0)) == ()
