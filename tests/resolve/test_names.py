"""Names in settings, looked up in the library."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput, ModelProblem, UnknownName
from backend.contracts.settings import StyleTransferSettings, Txt2ImgSettings
from backend.resolve import names
from tests.resolve.library import LIBRARY


def test_models_are_found_by_name_and_the_default_without() -> None:
    assert names.model(LIBRARY, "land").name == "land"
    assert names.model(LIBRARY, "").name == "sea"
    with pytest.raises(UnknownName, match="did you mean 'land'"):
        names.model(LIBRARY, "lnd")
    with pytest.raises(ModelProblem, match="'torn' cannot be used"):
        names.model(LIBRARY, "torn")


def test_loras_and_autoencoders_are_there() -> None:
    rows: list[dict[str, Any]] = [{"name": "ink"}, {"name": "gone", "on": False}]
    names.check_loras(Txt2ImgSettings.model_validate({"loras": rows}), LIBRARY)
    names.check_vae(Txt2ImgSettings(vae="soft"), LIBRARY)
    names.check_vae(Txt2ImgSettings(), LIBRARY)
    with pytest.raises(UnknownName, match="no LoRA 'gone'"):
        names.check_loras(Txt2ImgSettings.model_validate({"loras": [{"name": "gone"}]}), LIBRARY)
    with pytest.raises(UnknownName, match="no autoencoder 'hard'"):
        names.check_vae(Txt2ImgSettings(vae="hard"), LIBRARY)


def test_the_controlnet_that_fits_is_taken() -> None:
    def chosen(**values: Any) -> Any:
        settings = StyleTransferSettings.model_validate({"model": "sea"} | values)
        return names.with_controlnet(settings, LIBRARY)

    assert chosen().controlnet == "sea-canny"
    assert chosen(model="land").controlnet == "land-canny"
    assert chosen(detector="identity").controlnet == "sea-canny"
    assert chosen(controls=[{"name": "sea-canny"}]).controlnet is None
    for values, error, message in (
        ({"controlnet": "land-canny"}, BadInput, "made for another kind of model than 'sea'"),
        ({"controls": [{"name": "land-canny"}]}, BadInput, "made for another kind of model"),
        ({"detector": "mlsd"}, BadInput, "no ControlNet for 'mlsd' that fits 'sea'"),
        ({"controlnet": "sea-broken"}, ModelProblem, "It is damaged."),
        ({"controlnet": "nowhere"}, UnknownName, "no ControlNet 'nowhere'"),
    ):
        with pytest.raises(error, match=message):
            chosen(**values)


def test_other_modes_have_none() -> None:
    settings = Txt2ImgSettings()
    assert names.with_controlnet(settings, LIBRARY) is settings
