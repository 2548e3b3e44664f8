"""The fields of foretold steps: off by default, and then in no record."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import Txt2ImgSettings, parse
from backend.contracts.settings.forecast import ForecastFields


@pytest.mark.parametrize("mode", ["txt2img", "img2img", "style_transfer", "lora_mix", "loopback"])
def test_they_are_off_by_default_and_records_say_them_where_they_act(mode: str) -> None:
    plain, foretold = parse(mode, {}), parse(mode, {"forecast": "fit", "forecast_share": 0.3})
    assert isinstance(plain, ForecastFields)
    assert isinstance(foretold, ForecastFields)
    assert (plain.forecasts, foretold.forecasts) == (False, True)
    said = foretold.model_dump(mode="json")
    assert (said["forecast"], said["forecast_share"]) == ("fit", 0.3)
    assert not {"forecast", "forecast_share"} & set(plain.model_dump(mode="json"))


@pytest.mark.parametrize("values", [{"forecast": "guess"}, {"forecast_share": 0.9}])
def test_others_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="orecast"):
        parse("txt2img", values)


def test_a_second_stage_foretells_as_the_first() -> None:
    values = {"hires_scale": 2.0, "forecast": "reuse", "width": 64, "height": 64, "seed": 1}
    asked = parse("txt2img", values)
    assert isinstance(asked, Txt2ImgSettings)
    settings = asked.resolved(native_size=(64, 64), guidance_scale=3.0, seed=1, variation_seed=1)
    assert settings.second_stage.forecast == "reuse"
