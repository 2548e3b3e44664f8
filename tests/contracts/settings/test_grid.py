"""Grids of other modes' settings: their cells, and what cannot be one."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import (
    Img2ImgSettings,
    Txt2ImgSettings,
    XyzGridSettings,
    axis_fields,
    parse,
    steps_of,
)


def grid(**values: Any) -> XyzGridSettings:
    found = parse("xyz_grid", values)
    assert isinstance(found, XyzGridSettings)
    return found


def test_x_runs_fastest_then_y_then_z() -> None:
    settings = grid(
        x_field="steps",
        x_values="1, 2",
        y_field="seed",
        y_values="5, 6",
        z_field="clip_skip",
        z_values="1, 2",
    )
    cells = settings.cells()
    assert settings.picture_count == len(cells) == 8
    assert [(cell.steps, cell.seed, cell.clip_skip) for cell in cells[:3]] == [
        (1, 5, 1),
        (2, 5, 1),
        (1, 6, 1),
    ]
    assert cells[4].clip_skip == 2
    assert all(type(cell) is Txt2ImgSettings for cell in cells)
    assert settings.model_steps == sum(steps_of(cell) for cell in cells) == 12


def test_the_base_has_what_only_its_mode_has() -> None:
    (first, second) = grid(
        base_mode="img2img", base={"resize_mode": "pad"}, x_field="strength", x_values="0.3, 0.9"
    ).cells()
    assert isinstance(first, Img2ImgSettings)
    assert isinstance(second, Img2ImgSettings)
    assert (first.strength, second.strength, first.resize_mode) == (0.3, 0.9, "pad")


def test_words_are_searched_for_and_replaced() -> None:
    cells = grid(prompt="a red house", x_field="prompt_sr", x_values="red, blue").cells()
    assert [cell.prompt for cell in cells] == ["a red house", "a blue house"]


def test_a_lora_on_an_axis_is_weighed_or_added() -> None:
    rows = [{"name": "ink", "weight": 1.0}]
    cells = grid(loras=rows, x_field="lora:ink", x_values="0, 0.5").cells()
    assert [[use.weight for use in cell.loras] for cell in cells] == [[0.0], [0.5]]
    added = grid(loras=rows, x_field="lora:neon", x_values="0.5").cells()
    assert [use.name for use in added[0].loras] == ["ink", "neon"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"base": {"steps": 3}}, "stands beside 'base'"),
        ({"x_field": "steps", "x_values": "1, 2", "y_field": "steps", "y_values": "3"}, "two axes"),
        (
            {"x_field": "seed", "x_values": "1-60", "y_field": "steps", "y_values": "1-60"},
            "cells",
        ),
        ({"x_field": "steps", "x_values": "1, 2", "batch_size": 2}, "one picture a cell"),
        ({"x_field": "prompt_sr", "x_values": "cat, dog", "prompt": "a boat"}, "'cat' occurs"),
        ({"x_field": "steps", "x_values": "10, 1001"}, "1001"),
    ],
)
def test_what_cannot_be_a_grid_is_refused_with_the_reason(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        grid(**values)


def test_only_settings_with_an_order_or_a_choice_stand_on_axes() -> None:
    fields = axis_fields("img2img")
    assert {"steps", "sampler", "strength"} <= set(fields)
    assert not {"loras", "templates"} & set(fields)
