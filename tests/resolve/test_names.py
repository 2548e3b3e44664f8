"""Names in settings, looked up in the library."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.contracts.errors import BadInput, ModelProblem, UnknownName
from backend.contracts.requests import Request
from backend.contracts.settings import StyleTransferSettings, Txt2ImgSettings, parse
from backend.resolve import names
from backend.resolve.request import resolve_pictures
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


def test_loras_of_regions_are_named_and_looked_up_as_others() -> None:
    def asked(name: str) -> Txt2ImgSettings:
        regions = [{"prompt": "a boat", "loras": [{"name": name}]}]
        return Txt2ImgSettings.model_validate({"regions": regions, "model": "sea"})

    names.check_loras(asked("ink"), LIBRARY)
    with pytest.raises(UnknownName, match="no LoRA 'gone'"):
        names.check_loras(asked("gone"), LIBRARY)
    library = replace(LIBRARY, aliases={"lora": {"old/ink": "ink"}})
    whole = names.called(asked("old/ink"), library)
    assert whole.regions[0].loras[0].name == "ink"
    assert names.called(whole, LIBRARY) is whole


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


def test_a_lora_for_another_kind_of_model_is_refused_with_the_reason() -> None:
    use = [{"name": "grand"}]
    names.check_loras_fit(parse("txt2img", {"model": "land", "loras": use}), LIBRARY)
    off = [{"name": "grand", "on": False}]
    names.check_loras_fit(parse("txt2img", {"model": "sea", "loras": off}), LIBRARY)
    with pytest.raises(ModelProblem, match=r"with 'sea'\. It was made for SDXL; this is not"):
        names.check_loras_fit(parse("txt2img", {"model": "sea", "loras": use}), LIBRARY)


def test_in_a_grid_only_the_cells_with_that_model_are_refused() -> None:
    grid = {"prompt": "<lora:grand:1>", "x_field": "model"}
    fine = Request(parse("xyz_grid", {**grid, "x_values": "land"}))
    assert [run.model for run in resolve_pictures(fine, LIBRARY).runs] == ["land"]
    with pytest.raises(ModelProblem, match="It was made for SDXL"):
        resolve_pictures(Request(parse("xyz_grid", {**grid, "x_values": "land, sea"})), LIBRARY)


def test_a_controlnet_of_another_version_is_refused_with_the_versions() -> None:
    asked = parse("style_transfer", {"model": "sea", "controlnet": "sea-old"})
    with pytest.raises(BadInput, match="made for version 1; this model is version 2") as caught:
        names.with_controlnet(asked, LIBRARY)
    assert caught.value.field == "controlnet"


def test_a_name_with_folders_is_the_name_that_the_file_has() -> None:
    library = replace(
        LIBRARY,
        aliases={"lora": {"char/ink": "ink"}, "model": {"a/sea": "sea"}, "vae": {"x/soft": "soft"}},
    )
    asked = Txt2ImgSettings(
        prompt="a boat <lora:char/ink:0.5>", model="a/sea", vae="x/soft", width=64, height=64
    )
    settings = resolve_pictures(Request(asked), library).settings
    assert (settings.model, settings.vae) == ("sea", "soft")
    assert [(use.name, use.weight) for use in settings.loras] == [("ink", 0.5)]
    plain = Txt2ImgSettings(model="sea")
    assert names.called(plain, library) is plain
