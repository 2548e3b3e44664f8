"""What a component holds is read as its fields' values, and shown out of them."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.library import ModelEntry
from backend.contracts.settings import MAX_DRAWN_SEED, MODES, Txt2ImgSettings
from ui.forms import parts
from ui.forms.controls import CONTROLNET, HIRES, MAX_WHOLE, METHOD, SIZE, STRENGTHS, control_for

CARD = ModelEntry("one", native_size=(512, 384), guidance_scale=6.5)


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        ("320x192", (320, 192)),
        (" 320 × 192 ", (320, 192)),
        ("8*16", (8, 16)),
        ("native", (None, None)),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_a_size_is_read_as_it_is_typed(shown: Any, read: tuple[int | None, int | None]) -> None:
    assert SIZE.read(shown) == dict(zip(("width", "height"), read, strict=True))


@pytest.mark.parametrize("shown", ["320", "320x", "x192", "wide", "320x192x3", "123456x1"])
def test_what_is_no_size_is_told(shown: str) -> None:
    with pytest.raises(BadInput, match="320x192") as told:
        SIZE.read(shown)
    assert told.value.field == "size"


def test_a_size_that_is_the_models_own_is_called_native() -> None:
    assert SIZE.write({"width": 512, "height": 384}, CARD) == "native"
    assert SIZE.write({"width": None, "height": None}, CARD) == "native"
    assert SIZE.write({"width": 512, "height": None}, CARD) == "native"
    assert SIZE.write({"width": 512, "height": 512}, CARD) == "512x512"
    assert SIZE.write({"width": None, "height": None}, ModelEntry("")) == "native"
    assert SIZE.write({"width": 512, "height": 512}, ModelEntry("")) == "512x512"


def test_strengths_stand_between_commas() -> None:
    assert STRENGTHS.read("0.3, .5;0.7,") == {"strengths": [0.3, 0.5, 0.7]}
    assert STRENGTHS.read(None) == {"strengths": []}
    assert STRENGTHS.write({"strengths": (0.3, 0.5)}, CARD) == "0.3, 0.5"
    with pytest.raises(BadInput, match="commas between"):
        STRENGTHS.read("0.3 and more")


def test_nothing_chosen_is_what_fits() -> None:
    for control in (CONTROLNET, METHOD):
        assert control.read("") == {control.key: None}
        assert control.write({control.key: None}, CARD) == ""
        assert control.write(control.read("x"), CARD) == "x"


def test_guidance_that_is_not_said_is_the_models() -> None:
    control = control_for(Txt2ImgSettings, "guidance_scale")
    assert control.write({"guidance_scale": None}, CARD) == 6.5
    assert control.write({"guidance_scale": 2.0}, CARD) == 2.0


def test_a_seed_that_a_browser_cannot_hold_is_shown_as_the_one_that_draws_the_same() -> None:
    control = control_for(Txt2ImgSettings, "seed")
    assert control.write({"seed": MAX_WHOLE}, CARD) == MAX_WHOLE
    assert control.write({"seed": 2**63 + 5}, CARD) == 5 == (2**63 + 5) % (MAX_DRAWN_SEED + 1)
    assert control.write({}, CARD) == -1


@pytest.mark.parametrize(
    ("field", "build"),
    [
        ("steps", parts.steps),
        ("sampler", parts.sampler),
        ("schedule", parts.schedule),
        ("seed", parts.number),
        ("variation_seed", parts.number),
        ("vae", parts.vae),
        ("hires_upscaler", parts.upscaler),
        ("eta", parts.slider),
        ("prompt", parts.prompt),
        ("negative_prompt", parts.prompt),
        ("width", parts.size),
        ("height", parts.size),
    ],
)
def test_a_field_has_the_component_of_its_kind(field: str, build: Any) -> None:
    assert control_for(Txt2ImgSettings, field).build is build


@pytest.mark.parametrize("mode", sorted(MODES))
def test_every_field_of_every_mode_has_one(mode: str) -> None:
    for field in MODES[mode].model_fields:
        assert field in control_for(MODES[mode], field).fields


@pytest.mark.parametrize(
    ("shown", "scale"), [("off", 1.0), ("", 1.0), (None, 1.0), ("1.5", 1.5), ("2 ×", 2.0), (3, 3.0)]
)
def test_hires_is_off_or_a_factor(shown: Any, scale: float) -> None:
    assert HIRES.read(shown) == {"hires_scale": scale}


def test_hires_is_shown_as_its_list_says_it() -> None:
    assert [HIRES.write({"hires_scale": scale}, CARD) for scale in (1.0, 1.3, 2.0)] == [
        *("off", "1.3", "2"),
    ]
    with pytest.raises(BadInput, match=r"factor like 1\.5"):
        HIRES.read("large")
