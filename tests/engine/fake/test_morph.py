"""The stand-in's morphs: a cross-fade between what the ends show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import MorphSettings
from backend.engine.fake import picture as fake_picture
from backend.engine.fake.morph import facts, frame


def settings(**values: Any) -> MorphSettings:
    return MorphSettings.model_validate(
        {
            "prompt_a": "a red house",
            "prompt_b": "a boat",
            "model": "pocket",
            "seed": 3,
            "seed_a": 7,
            "seed_b": 9,
            "width": 64,
            "height": 64,
            "frames": 5,
            **values,
        }
    )


def test_ends_without_pictures_are_their_prompts_and_seeds() -> None:
    request = Request(settings())
    assert np.array_equal(frame(request, 0), fake_picture.draw("a red house", 7, 64, 64))
    assert np.array_equal(frame(request, 4), fake_picture.draw("a boat", 9, 64, 64))


def test_the_middle_is_half_of_each() -> None:
    dark, light = np.full((64, 64, 3), 20, np.uint8), np.full((64, 64, 3), 121, np.uint8)
    request = Request(settings(), {"image_a": dark, "image_b": light})
    assert [int(frame(request, i)[0, 0, 0]) for i in range(5)] == [20, 45, 70, 96, 121]


def test_an_uploaded_end_is_fitted_to_the_size() -> None:
    wide = np.full((32, 128, 3), 50, np.uint8)
    assert frame(Request(settings(), {"image_a": wide}), 0).shape == (64, 64, 3)


def test_distances_are_those_of_the_frames() -> None:
    frames = [np.full((8, 8, 3), value, np.uint8) for value in (0, 51, 255)]
    told = facts(frames)
    assert told["distances"] == pytest.approx([0.2, 0.8])
    assert told["ppl"] == pytest.approx(1.0)
    assert told["pdv"] == pytest.approx(0.09)
    assert facts(frames[:1] * 3)["ppl"] == 0.0
