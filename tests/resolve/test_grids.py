"""Samplers and schedules on the axes of a grid."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Request
from backend.contracts.settings import XyzGridSettings, parse
from backend.resolve.request import resolve_pictures
from tests.resolve.library import LIBRARY


def settled(**values: Any) -> tuple[XyzGridSettings, list[tuple[str, str]]]:
    made = resolve_pictures(Request(parse("xyz_grid", {"prompt": "a house"} | values)), LIBRARY)
    assert isinstance(made.settings, XyzGridSettings)
    return made.settings, [(run.sampler, run.schedule) for run in made.runs]


def test_a_sampler_on_an_axis_takes_a_schedule_that_it_has() -> None:
    _, cells = settled(x_field="sampler", x_values="dpmpp_2m, ddim")
    assert cells == [("dpmpp_2m", "karras"), ("ddim", "model")]


def test_with_a_schedule_on_an_axis_too_nothing_is_put_right() -> None:
    pair = {"x_field": "sampler", "y_field": "schedule", "y_values": "Karras"}
    assert settled(x_values="Euler, Heun", **pair)[1] == [("euler", "karras"), ("heun", "karras")]
    with pytest.raises(BadInput, match="'karras' does not exist for sampler 'ddim'"):
        settled(x_values="Euler, ddim", **pair)


def test_names_as_others_write_them() -> None:
    grid, cells = settled(y_field="sampler", y_values="Euler a, DPM++ 2M, unipc")
    assert grid.y_values == "euler_a, dpmpp_2m, unipc"
    assert [sampler for sampler, _ in cells] == ["euler_a", "dpmpp_2m", "unipc"]
    assert [mark.label for mark in grid.axes[1]] == ["euler_a", "dpmpp_2m", "unipc"]


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("sampler", "plms", "X: There is no sampler 'plms'; choose from: ddim, "),
        ("schedule", "karras, straight", "X: There is no schedule 'straight'; choose from: model"),
    ],
)
def test_a_name_that_is_not_there_is_refused(field: str, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        settled(x_field=field, x_values=text)
    assert caught.value.field == "x_values"


def test_upscalers_as_others_write_them() -> None:
    scaled = {"y_field": "hires_scale", "y_values": "2", "x_field": "hires_upscaler"}
    made = resolve_pictures(
        Request(parse("xyz_grid", scaled | {"x_values": "Lanczos, LATENT"})), LIBRARY
    )
    assert [run.hires_upscaler for run in made.runs] == ["lanczos", "latent"]  # type: ignore[attr-defined]
    with pytest.raises(BadInput, match="There is no hires_upscaler 'gone'; choose from: latent"):
        resolve_pictures(Request(parse("xyz_grid", scaled | {"x_values": "gone"})), LIBRARY)
