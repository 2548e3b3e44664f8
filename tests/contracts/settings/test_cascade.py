"""The rows of a cascade, and the settings of their stages."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import Txt2ImgSettings, parse

ROW = {
    "model": "two",
    "steps": 6,
    "guidance_scale": 4.0,
    "noise_level": 200,
    "sampler": "ddpm",
    "factor": 4,
}


def settings(**values: object) -> Txt2ImgSettings:
    found = parse("txt2img", {"width": 64, "height": 32, "seed": 3} | values)
    assert isinstance(found, Txt2ImgSettings)
    return found


def test_the_size_is_that_of_the_last_stage() -> None:
    both = settings(stages=[ROW, ROW | {"model": "three", "factor": 2}], batch_size=2)
    assert both.drawn_size == (512, 256)
    assert both.picture_count == 6
    assert (both.first_stage.drawn_size, both.first_stage.picture_count) == ((64, 32), 2)
    second, third = both.later_stages
    assert (second.model, second.drawn_size, second.steps) == ("two", (256, 128), 6)
    assert (third.model, third.drawn_size, third.seed) == ("three", (512, 256), 3)
    assert both.up_to(1).drawn_size == (256, 128)
    assert both.part_like(third) == third
    assert both.part_like(both.first_stage) == both.first_stage


def test_a_row_that_is_off_does_nothing() -> None:
    off = settings(stages=[ROW | {"on": False}])
    assert (off.drawn_size, off.later, off.picture_count) == ((64, 32), (), 1)


def test_without_rows_records_are_what_they_were() -> None:
    assert not {"stages", "time_steps"} & set(settings().model_dump())
    assert "stages" in settings(stages=[ROW]).model_dump()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"stages": [ROW], "hires_scale": 2.0}, "set hires_scale to 1"),
        ({"stages": [ROW] * 5}, "stages"),
        ({"stages": [{"steps": 5}]}, "stages"),
        ({"stages": [ROW | {"time_steps": "9, 5"}]}, "lists 2 and steps is 6"),
        ({"time_steps": "9, 5"}, "set steps to 2"),
        ({"time_steps": "5, 9"}, "must fall"),
    ],
)
def test_what_cannot_run_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        settings(**values)


def test_a_mix_of_loras_has_one_stage() -> None:
    with pytest.raises(BadInput, match="leave the stages out"):
        parse("lora_mix", {"stages": [ROW]})
