"""A second stage, and who wrote a text."""

from __future__ import annotations

import pytest

from backend.contracts.events import Record
from backend.contracts.settings import Txt2ImgSettings
from backend.recipes.a1111 import parameters_text, parse_parameters

BASE = "a red house\nSteps: 8, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512"


@pytest.mark.parametrize(
    ("written", "scale"),
    [
        ("Hires upscale: 1.5", 1.5),
        ("Hires resize: 1024x1024", 2.0),
        ("Hires resize: 0x768", 1.5),
        ("Hires resize: 1024x1536", 3.0),
    ],
)
def test_a_second_stage_by_factor_or_size(written: str, scale: float) -> None:
    text = f"{BASE}, Denoising strength: 0.35, {written}, Hires steps: 10, Hires upscaler: Latent"
    settings = parse_parameters(text).settings
    assert (settings["hires_scale"], settings["hires_denoise"], settings["hires_steps"]) == (
        scale,
        0.35,
        10,
    )


def test_a_second_stage_of_another_ratio_is_said() -> None:
    told = "Denoising strength: 0.35, Hires resize: 1024x1536, Hires upscaler: R-ESRGAN 4x+ Anime6B"
    parsed = parse_parameters(f"{BASE}, {told}.pth")
    assert parsed.settings["hires_upscaler"] == "R-ESRGAN 4x+ Anime6B"
    assert parsed.notes == (
        "Its second stage was cut to 1024x1536; here it keeps the sides' ratio and makes "
        "1536x1536.",
    )


@pytest.mark.parametrize(
    ("written", "tool"),
    [
        ("Version: v1.10.1", "A1111"),
        ("Version: f2.0.1v1.10.1-previous-1", "Forge"),
        ("App: SD.Next, Version: abcdef0", "SD.Next"),
        ("Version: ComfyUI", "ComfyUI"),
        ("Version: Fooocus v2.5.5", "Fooocus"),
        ('Civitai resources: [{"type":"checkpoint","modelName":"x"}]', "Civitai"),
    ],
)
def test_who_wrote_it(written: str, tool: str) -> None:
    assert parse_parameters(f"{BASE}, {written}").tool == tool


@pytest.mark.parametrize("written", ["Automatic", "None", "baked in"])
def test_the_models_own_autoencoder_has_names(written: str) -> None:
    assert parse_parameters(f"{BASE}, VAE: {written}").settings["vae"] == ""


def test_a_seamless_picture_is_told_by_their_word() -> None:
    assert parse_parameters(f"{BASE}, Tiling: True").settings["tiling"] == "both"
    assert "tiling" not in parse_parameters(BASE).settings
    for value, words in (("both", "Tiling: True"), ("x", "Tiling: x"), ("off", "")):
        settings = Txt2ImgSettings.model_validate({"tiling": value, "seed": 3})
        values = settings.model_dump(mode="json")
        text = parameters_text(Record("txt2img", values, {"name": "pocket", "hash": ""}))
        assert words in text
        assert ("Tiling" in text) == bool(words)
        assert parse_parameters(text).settings.get("tiling", "off") == value
