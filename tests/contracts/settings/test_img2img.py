"""The settings of img2img and style transfer. (They enter MODES together with their modes.)"""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from backend.contracts.settings import Img2ImgSettings, Settings, StyleTransferSettings
from backend.contracts.settings.forecast import ForecastFields
from backend.contracts.settings.live import LiveFields
from backend.contracts.settings.reference import ReferenceFields
from backend.contracts.settings.regions import RegionFields
from backend.contracts.settings.steer import SteerFields

BOTH = [Img2ImgSettings, StyleTransferSettings]
IMG2IMG_FIELDS = {
    "image_guidance",
    "strength",
    "strengths",
    "mask_invert",
    "mask_blur",
    "masked_content",
    "only_masked",
    "only_masked_padding",
    "resize_mode",
    "outpaint_left",
    "outpaint_right",
    "outpaint_top",
    "outpaint_bottom",
    "start_noise",
    "source_prompt",
    "inversion_refine",
}
CONTROL_FIELDS = {
    "detector",
    "canny_low",
    "canny_high",
    "control_scale",
    "control_start",
    "control_end",
    "control_mode",
    "start_from",
    "controlnet",
    "controls",
}


def test_the_defaults_are_those_of_the_field() -> None:
    settings = StyleTransferSettings()
    assert settings.strength == 0.75
    assert (settings.mask_blur, settings.only_masked_padding) == (4, 32)
    assert (settings.masked_content, settings.resize_mode) == ("original", "crop")
    assert (settings.canny_low, settings.canny_high) == (100, 200)
    assert (settings.control_scale, settings.control_start, settings.control_end) == (1, 0, 1)
    assert (settings.control_mode, settings.start_from) == ("balanced", "noise")
    assert settings.detector == "canny"
    assert settings.controlnet is None


def test_each_mode_adds_its_fields_and_no_others() -> None:
    own = set(Img2ImgSettings.model_fields) - set(Settings.model_fields)
    shared = (SteerFields, ReferenceFields, RegionFields, LiveFields, ForecastFields)
    assert own == IMG2IMG_FIELDS | {name for kind in shared for name in kind.model_fields}
    added = set(StyleTransferSettings.model_fields) - set(Img2ImgSettings.model_fields)
    assert added == CONTROL_FIELDS


@pytest.mark.parametrize("name", sorted(IMG2IMG_FIELDS | CONTROL_FIELDS))
def test_every_field_has_a_hint_of_one_sentence(name: str) -> None:
    hint = StyleTransferSettings.model_fields[name].description or ""
    assert hint.endswith(".")
    assert 10 < len(hint) < 80


def test_settings_survive_json() -> None:
    settings = StyleTransferSettings(strengths=(0.25, 1), outpaint_left=64, start_from="picture")
    again = StyleTransferSettings.model_validate(json.loads(settings.model_dump_json()))
    assert again == settings
    assert again.strengths == (0.25, 1.0)


def test_strengths_override_strength() -> None:
    assert Img2ImgSettings(strength=0.5).ladder == (0.5,)
    assert Img2ImgSettings(strength=0.0, strengths=(0.2, 0.4)).ladder == (0.2, 0.4)


@pytest.mark.parametrize(
    ("steps", "strength", "runs"),
    [
        (20, 0.75, 15),
        (20, 0.05, 1),
        (50, 0.58, 28),
        (1, 1.0, 1),
        (30, 1.0, 30),
    ],
)
def test_model_steps_round_as_diffusers_does(steps: int, strength: float, runs: int) -> None:
    settings = Img2ImgSettings(steps=steps, strength=strength)
    assert settings.model_steps(strength) == runs == min(int(steps * strength), steps)


@pytest.mark.parametrize("steps", [1, 3, 7, 20, 29, 30, 49, 150])
def test_no_step_is_refused_with_a_strength_that_works(steps: int) -> None:
    with pytest.raises(ValidationError, match="runs no step") as caught:
        Img2ImgSettings(steps=steps, strength=0.9 / steps)
    said = float(str(caught.value).split("at least ")[1].split(",")[0])
    assert Img2ImgSettings(steps=steps, strength=said).model_steps(said) == 1


def test_one_rung_without_a_step_refuses_the_ladder() -> None:
    with pytest.raises(ValidationError, match=r"strength 0\.01 of 20 steps"):
        Img2ImgSettings(strengths=(0.5, 0.01))


def test_strength_does_not_count_when_starting_from_noise() -> None:
    assert StyleTransferSettings(strength=0.0).start_from == "noise"
    with pytest.raises(ValidationError, match="runs no step"):
        StyleTransferSettings(strength=0.0, start_from="picture")


@pytest.mark.parametrize(
    "values",
    [
        {"strength": 1.01},
        {"strength": -0.1},
        {"strength": "0.5"},
        {"strength": True},
        {"strength": float("nan")},
        {"strengths": (0.1,) * 7},
        {"strengths": (0.5, 1.5)},
        {"strengths": ("0.5",)},
        {"strengths": (True,)},
        {"strengths": (float("nan"),)},
        {"strengths": 0.5},
        {"mask_blur": -1},
        {"mask_blur": 65},
        {"mask_blur": 2.5},
        {"mask_invert": "yes"},
        {"mask_invert": 1},
        {"only_masked": "false"},
        {"only_masked_padding": 300},
        {"masked_content": "noise"},
        {"resize_mode": "fit"},
        {"outpaint_left": 1025},
        {"outpaint_top": -8},
        {"outpaint_bottom": 2000},
        {"mask": "x"},
    ],
)
@pytest.mark.parametrize("cls", BOTH)
def test_bad_values_are_refused(cls: type[Settings], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        cls.model_validate(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"canny_low": 201}, "canny_low must not lie above canny_high"),
        ({"control_start": 0.6, "control_end": 0.5}, "control_start must not lie after"),
        ({"canny_high": 256}, "canny_high"),
        ({"control_scale": 2.1}, "control_scale"),
        ({"control_mode": "guess"}, "control_mode"),
        ({"start_from": "image"}, "start_from"),
        ({"detector": "edges"}, "detector"),
        ({"controlnet": ""}, "controlnet"),
    ],
)
def test_bad_controls_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        StyleTransferSettings.model_validate(values)
