"""The fields of steering: what they refuse, and that old records do not know them."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import Txt2ImgSettings, parse


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steer", "purple"),
        ("steer_target", 1.5),
        ("steer_colour", "blue"),
        ("steer_colour", "#12345g"),
        ("steer_scale", -1.0),
        ("steer_scale", 11.0),
        ("steer_every", 0),
        ("steer_through", "tiny"),
        ("steer_palette", "red, blue"),
        ("steer_places", "ffffff / . ."),
    ],
)
def test_what_cannot_be_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(BadInput) as refused:
        parse("txt2img", {field: value})
    assert refused.value.field == field


def test_its_part_of_the_run_is_in_order() -> None:
    with pytest.raises(BadInput, match="steer_start must not lie after steer_end"):
        parse("img2img", {"steer_start": 0.6, "steer_end": 0.5})


def test_it_pulls_only_where_something_is_chosen_and_has_a_weight() -> None:
    assert not Txt2ImgSettings().steers
    assert Txt2ImgSettings(steer="blue").steers
    assert not Txt2ImgSettings(steer="blue", steer_scale=0.0).steers


def test_a_record_without_steering_is_that_of_before() -> None:
    assert not [name for name in Txt2ImgSettings().model_dump() if name.startswith("steer")]
    told = Txt2ImgSettings(steer="colour", steer_colour="#102030").model_dump(mode="json")
    assert (told["steer"], told["steer_colour"]) == ("colour", "#102030")
    assert Txt2ImgSettings.model_validate(told).steer_colour == "#102030"


def test_both_stages_of_hires_fix_are_pulled() -> None:
    whole = Txt2ImgSettings(
        steer="blue", steer_target=0.7, hires_scale=2.0, width=64, height=64, guidance_scale=1.0
    )
    assert whole.second_stage.steer == "blue"
    assert whole.second_stage.steer_target == 0.7
