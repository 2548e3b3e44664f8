"""Settings of a morph: its ends, what they take from each other, and what it has not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from backend.contracts.settings import MorphSettings


def made(**values: Any) -> MorphSettings:
    return MorphSettings.model_validate({"prompt": "a house"} | values)


def resolved(settings: MorphSettings, seed: int = 10) -> MorphSettings:
    return settings.resolved(native_size=(64, 64), guidance_scale=6.0, seed=seed, variation_seed=0)


def test_an_end_without_a_prompt_takes_the_shared_one() -> None:
    settings = made(prompt_a="a cat", prompt_c="a dog", keyframes=3)
    assert [settings.end_prompt(end) for end in range(4)] == [
        "a cat",
        "a house",
        "a dog",
        "a house",
    ]


def test_open_seeds_count_on_from_the_seed() -> None:
    settings = resolved(made(seed_b=3))
    assert [settings.end_seed(end) for end in range(4)] == [10, 3, 12, 13]
    assert resolved(made(), 2**32 - 1).end_seed(1) == 0


@pytest.mark.parametrize(("method", "scale"), [("walk", 6.0), ("quick", 1.0), ("fine", 1.0)])
def test_pictures_are_drawn_without_guidance(method: str, scale: float) -> None:
    assert resolved(made(method=method)).guidance_scale == scale
    assert resolved(made(method=method, guidance_scale=2.0)).guidance_scale == 2.0


@pytest.mark.parametrize(
    ("given", "method"),
    [((), "walk"), (("image_a",), "fine"), (("image_d",), "fine"), (("mask",), "walk")],
)
def test_the_method_follows_from_the_pictures(given: tuple[str, ...], method: str) -> None:
    assert made().for_pictures(given).method == method
    assert made(method="quick").for_pictures(given).method == "quick"


def test_an_end_that_is_missing_is_named() -> None:
    bare = MorphSettings(prompt_a="a cat", keyframes=3)
    assert bare.ends == ("image_a", "image_b", "image_c")
    assert bare.missing_picture({"image_b"}) == ("End C is missing; give it a picture or a prompt.")
    assert bare.missing_picture({"image_b", "image_c"}) is None
    walk = made(method="walk")
    assert walk.missing_picture(()) is None
    assert "goes between prompts" in str(walk.missing_picture({"image_a"}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batch_size": 2}, "a morph has no batch_size; leave it at 1"),
        ({"batch_count": 2}, "a morph has no batch_count"),
        ({"variation_strength": 0.5}, "a morph has no variation_strength; leave it at 0"),
        ({"prompt_mix": 0.5}, "a morph has no prompt_mix"),
        ({"eta": 1.0}, "a morph has no eta"),
        ({"keyframes": 4, "frames": 6}, "4 keyframes need at least 7 frames"),
    ],
)
def test_what_a_morph_has_not_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        made(**values)


def test_its_frames_are_its_pictures_and_two_must_fit() -> None:
    assert (made(frames=30).picture_count, made(frames=30).fewest_together) == (30, 2)
