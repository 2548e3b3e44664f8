"""The fold of steering: its fields stand in it, and a picked colour is told as one."""

from __future__ import annotations

import pytest

from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.steer import SteerFields
from ui.forms.controls import control_for
from ui.forms.steer import fold


def test_every_field_of_steering_stands_in_the_fold() -> None:
    assert set(fold("txt2img").fields) == set(SteerFields.model_fields)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("#2060e0", "#2060e0"),
        ("rgba(32, 96, 224, 1)", "#2060e0"),
        ("rgba(31.7, 96.2, 300, 0.5)", "#2060ff"),
        ("rgb(0,0,9)", "#000009"),
        ("red", "red"),
    ],
)
def test_the_picker_s_words_become_a_colour_or_stay_to_be_refused(said: str, meant: str) -> None:
    assert control_for(Txt2ImgSettings, "steer_colour").read(said) == {"steer_colour": meant}
