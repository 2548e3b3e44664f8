"""The settings of a reference: off until it has a weight, and never without its picture."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from backend.contracts.settings import (
    Img2ImgSettings,
    LoraMixSettings,
    StyleTransferSettings,
    Txt2ImgSettings,
    XyzGridSettings,
)
from backend.contracts.settings.loopback import LoopbackSettings

FOLLOWING: list[Any] = [Txt2ImgSettings, Img2ImgSettings, StyleTransferSettings, LoopbackSettings]
OWN = {"image": 0}


@pytest.mark.parametrize("mode", FOLLOWING)
def test_it_is_off_and_unsaid_until_it_has_a_weight(mode: Any) -> None:
    assert not mode().refers
    assert not any(name.startswith("reference") for name in mode().model_dump())
    assert "reference" in mode.pictures
    assert mode().missing_picture(OWN) is None
    asked = mode(reference_weight=0.7)
    assert asked.refers
    assert asked.model_dump()["reference_weight"] == 0.7
    assert "add one, or set reference_weight to 0" in asked.missing_picture(OWN)
    assert asked.missing_picture(OWN | {"reference": 0}) is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"reference_weight": -0.1}, "greater than"),
        ({"reference_weight": 2.1}, "less than"),
        ({"reference_start": 0.6, "reference_end": 0.5}, "must not lie after"),
        ({"reference_mode": "replace", "reference_weight": 1.5}, "goes up to 1"),
        ({"reference_mode": "mix"}, "append"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Txt2ImgSettings(**values)


def test_the_second_stage_of_hires_follows_it_too() -> None:
    settings = Txt2ImgSettings(
        hires_scale=2.0, width=64, height=64, reference_weight=0.5, reference_end=0.8
    )
    stage = settings.second_stage
    assert (stage.reference_weight, stage.reference_end) == (0.5, 0.8)


def test_loras_are_mixed_without_one() -> None:
    assert LoraMixSettings.pictures == ()
    with pytest.raises(ValidationError, match="take txt2img"):
        LoraMixSettings(reference_weight=1.0)


def test_a_grid_may_vary_it_and_asks_for_its_picture() -> None:
    grid = XyzGridSettings(x_field="reference_weight", x_values="0, 1")
    assert "reference" in XyzGridSettings.pictures
    assert [getattr(cell, "reference_weight", None) for cell in grid.cells()] == [0.0, 1.0]
    assert "no reference picture" in (grid.missing_picture(()) or "")
    assert grid.missing_picture({"reference": 0}) is None
