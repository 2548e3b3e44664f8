"""What a client's payload names beside its own fields."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.capabilities import Capabilities
from backend.contracts.errors import BadInput
from backend.contracts.library import Library, ModelEntry
from backend.sampling.samplers import ENTRIES
from backend.storage.styles import Style
from ui.sdapi.mapping import txt2img
from ui.sdapi.payloads import Img2Img, Txt2Img
from ui.sdapi.preparing import model_name, not_kept, of_units, prepared, saved_as, vae_name

LIBRARY = Library((ModelEntry("pocket"), ModelEntry("name [v1] (final)")), ENTRIES)
STYLES = (Style("Watercolour", "{prompt}, watercolour", "photo"), Style("Soft", "soft light"))
OPTIONS: dict[str, Any] = {"sd_model_checkpoint": "pocket"}


def ready(**values: Any) -> tuple[Txt2Img, tuple[str, ...]]:
    return prepared(Txt2Img.model_validate(values), OPTIONS, LIBRARY, STYLES)


def test_styles_are_put_together_with_the_prompts() -> None:
    sent, notes = ready(prompt="a house", negative_prompt="fog", styles=["Watercolour", "Soft"])
    assert sent.prompt == "a house, watercolour, soft light"
    assert sent.negative_prompt == "fog, photo"
    assert notes == ()
    with pytest.raises(BadInput, match="no style 'Oil' here; there are: Watercolour, Soft"):
        ready(styles=["Oil"])


def test_an_infotext_fills_what_the_payload_leaves_open() -> None:
    text = "a blue fish\nNegative prompt: x\nSteps: 3, Sampler: Euler a, Seed: 99, Size: 64x64"
    sent, _ = ready(prompt="a house", steps=4, infotext=text)
    assert (sent.prompt, sent.negative_prompt) == ("a house", "x")
    assert (sent.steps, sent.seed, sent.width, sent.height) == (4, 99, 64, 64)
    settings = txt2img(sent, OPTIONS).settings
    assert settings.sampler == "euler_a"
    assert ready(infotext=text, sampler_name="Heun")[0].sampler_name == "Heun"


def test_sides_are_rounded_up_to_the_models_grid_and_told() -> None:
    sent, notes = ready(width=513, height=511)
    assert (sent.width, sent.height) == (520, 512)
    assert "width 513 became 520" in notes[0]
    assert "height 511 became 512" in notes[1]
    assert ready(width=512, height=0) == (ready(width=512, height=0)[0], ())


def test_settings_that_are_not_known_are_named() -> None:
    override = {"eta_noise_seed_delta": 1, "samples_format": "jpg", "sd_vae": "Automatic"}
    _, notes = ready(override_settings=override)
    assert len(notes) == 1
    assert "'eta_noise_seed_delta' is not known here" in notes[0]
    assert not_kept({"CLIP_stop_at_last_layers": 2, "samples_format": "jpg"}) == []


def test_a_title_that_is_a_name_is_that_model() -> None:
    names = [card.name for card in LIBRARY.models]
    assert model_name("name [v1] (final)", names) == "name [v1] (final)"
    assert model_name("pocket.safetensors [abc123]", names) == "pocket"
    sent = Txt2Img(override_settings={"sd_model_checkpoint": "name [v1] (final)"})
    assert txt2img(sent, OPTIONS, models=names).settings.model == "name [v1] (final)"


def test_an_autoencoder_by_its_files_name() -> None:
    assert vae_name("vae-ft-mse-840000-ema-pruned.safetensors") == "vae-ft-mse-840000-ema-pruned"
    assert vae_name("Automatic") == vae_name("None") == vae_name(None) == ""
    sent = Txt2Img(override_settings={"sd_vae": "soft.pt"})
    assert txt2img(sent, OPTIONS).settings.vae == "soft"


@pytest.mark.parametrize(
    "args", [[{"ad_model": "None"}], [False, {}], [], [{"enabled": False, "ad_model": "face"}]]
)
def test_a_script_that_is_off_is_passed_over(args: list[Any]) -> None:
    sent = Txt2Img(alwayson_scripts={"ADetailer": {"args": args}})
    assert txt2img(sent, OPTIONS).settings.mode == "txt2img"


@pytest.mark.parametrize(("model", "kept"), [("pocket", None), ("editor", 2.5)])
def test_image_guidance_is_read_for_models_that_edit_alone(model: str, kept: float | None) -> None:
    editor = ModelEntry("editor", can=Capabilities(edits=True))
    library = Library((*LIBRARY.models, editor), ENTRIES)
    sent = Img2Img(init_images=["x"], image_cfg_scale=2.5)
    made, _ = prepared(sent, OPTIONS | {"sd_model_checkpoint": model}, library, STYLES)
    assert made.image_cfg_scale == kept


def test_what_is_not_honoured_of_units_is_said_once() -> None:
    units = [{"module": "canny", "resize_to": 3}] * 2 + [{"weight": "much"}]
    sent = Txt2Img(alwayson_scripts={"ControlNet": {"args": [True, *units]}, "Other": {"args": []}})
    assert of_units(sent) == [
        "The key 'resize_to' is not known here; pictures are drawn without it."
    ]
    _, told = prepared(sent, OPTIONS, LIBRARY, STYLES)
    assert told[-1] == of_units(sent)[0]


def test_and_in_the_negative_prompt_is_said() -> None:
    _, told = prepared(Txt2Img(prompt="a AND b", negative_prompt="fog"), OPTIONS, LIBRARY, STYLES)
    assert told == ()
    _, told = prepared(Txt2Img(negative_prompt="fog AND rain"), OPTIONS, LIBRARY, STYLES)
    assert "a word in a negative prompt" in told[0]


@pytest.mark.parametrize(
    ("settings", "how"),
    [
        ({}, None),
        ({"samples_format": "png"}, None),
        ({"samples_format": "JPG", "jpeg_quality": 95}, ("jpeg", 95)),
        ({"samples_format": "webp", "jpeg_quality": "best"}, ("webp", 80)),
        ({"samples_format": "avif"}, None),
    ],
)
def test_how_pictures_are_sent(settings: dict[str, Any], how: tuple[str, int] | None) -> None:
    found = saved_as(settings)
    assert (None if found is None else tuple(found.values())) == how
    assert bool(not_kept(settings)) == (settings.get("samples_format") == "avif")
