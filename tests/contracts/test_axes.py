"""What people write for the axes of a grid."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import XyzGridSettings, axis_fields, parse


def values(field: str, text: str) -> list[Any]:
    made = parse("xyz_grid", {"prompt": "a red house, green", "x_field": field, "x_values": text})
    assert isinstance(made, XyzGridSettings)
    return [next(iter(mark.change.values())) for mark in made.axes[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-10 [5]", [1, 3, 6, 8, 10]),
        ("1-5 (+2)", [1, 3, 5]),
        ("1-4", [1, 2, 3, 4]),
        ("5-1 (-2)", [5, 3, 1]),
        ("3-1", [3, 2, 1]),
        ("20, 30", [20, 30]),
        ("1-2, 8", [1, 2, 8]),
        ("7", [7]),
        ("1 - 9 [1]", [1]),
    ],
)
def test_whole_numbers(text: str, expected: list[int]) -> None:
    assert values("steps", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0-1 [3]", [0, 0.5, 1]),
        ("0.1-0.5 (+0.2)", [0.1, 0.3, 0.5]),
        (".5,1", [0.5, 1]),
    ],
)
def test_fractions(text: str, expected: list[float]) -> None:
    assert values("guidance_rescale", text) == pytest.approx(expected)


def test_names_as_others_write_them() -> None:
    given = {"x_field": "masked_content", "x_values": "Latent-Noise, FILL"}
    made = parse("xyz_grid", {"prompt": "a house", "base_mode": "img2img"} | given)
    assert isinstance(made, XyzGridSettings)
    marks = [next(iter(mark.change.values())) for mark in made.axes[0]]
    assert marks == ["latent_noise", "fill"]


def test_quotes_keep_commas() -> None:
    assert values("prompt", '"one, two", three') == ["one, two", "three"]


def test_search_and_replace_acts_on_every_cell() -> None:
    made = parse(
        "xyz_grid", {"prompt": "a red house", "x_field": "prompt_sr", "x_values": "red, blue"}
    )
    assert isinstance(made, XyzGridSettings)
    assert [cell.prompt for cell in made.cells()] == ["a red house", "a blue house"]


def test_a_lora_on_an_axis_replaces_its_weight_or_is_added() -> None:
    made = parse(
        "xyz_grid",
        {
            "loras": [{"name": "ink", "weight": 0.5}],
            "x_field": "lora:ink",
            "x_values": "-1-1 [3]",
            "y_field": "lora:neon",
            "y_values": "1",
        },
    )
    assert isinstance(made, XyzGridSettings)
    mixes = [{use.name: use.weight for use in cell.loras} for cell in made.cells()]
    assert mixes == [{"ink": w, "neon": 1} for w in (-1, 0, 1)]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"x_field": "steps", "x_values": "a"}, "no number"),
        ({"x_field": "steps", "x_values": "1.5"}, "whole numbers"),
        ({"x_field": "steps", "x_values": "1-5 (-1)"}, "never gets to its end"),
        ({"x_field": "steps", "x_values": "1-5 (0)"}, "never gets to its end"),
        ({"x_field": "steps", "x_values": "1-100"}, "64"),
        ({"x_field": "steps", "x_values": "1-9 [0]"}, "1 to 64"),
        ({"x_field": "steps", "x_values": "0, 4"}, "steps 0"),
        ({"x_field": "steps", "x_values": " "}, "no values"),
        ({"x_field": "", "x_values": "4"}, "no setting"),
        ({"x_field": "batch_size", "x_values": "4"}, "cannot stand"),
        ({"x_field": "strength", "x_values": "1"}, "cannot stand"),
        ({"x_field": "seed", "x_values": "-1, -1"}, "from 0"),
        ({"x_field": "prompt_sr", "x_values": "dog, cat"}, "occurs neither"),
        ({"x_field": "prompt_sr", "x_values": "red"}, "at least two"),
        ({"x_field": "steps", "x_values": "1-64", "y_field": "seed", "y_values": "1-64"}, "4096"),
        ({"x_field": "steps", "x_values": "1", "y_field": "steps", "y_values": "2"}, "two axes"),
        ({"batch_size": 2}, "one picture a cell"),
        ({"base": {"steps": 3}}, "beside 'base'"),
        ({"base": {"compare": True}, "base_mode": "lora_mix"}, "one picture a cell"),
        ({"base": {"stepz": 3}}, "stepz"),
    ],
)
def test_what_cannot_be_drawn_is_said(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        parse("xyz_grid", {"prompt": "a red house", "loras": [{"name": "a"}] * 2} | given)


def test_every_plain_field_of_a_mode_may_stand_on_an_axis() -> None:
    fields = set(axis_fields("img2img"))
    assert {"strength", "mask_invert", "masked_content", "model", "width", "clip_skip"} <= fields
    assert not {"batch_size", "loras", "strengths"} & fields
    hands = {"steer", "steer_target", "steer_scale", "steer_every", "steer_start", "steer_end"}
    assert hands | {"steer_through", "region_soft", "region_base", "region_by"} <= fields
