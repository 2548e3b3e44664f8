"""What lists offer: only what is here and can be used, said so that a person can choose."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.capabilities import Capabilities, Enlarging, SizeGrid
from backend.contracts.library import (
    ControlNetEntry,
    Library,
    ModelEntry,
    UpscalerEntry,
    VaeEntry,
)
from ui.forms.choices import (
    card_of,
    controlnet_choices,
    detector_choices,
    model_choice,
    ratios,
    size_choices,
    upscaler_choices,
    vae_choices,
)


def library(*models: ModelEntry, **held: Any) -> Library:
    return Library(models=models, samplers={}, **held)


def test_no_name_is_the_default_model_and_an_unknown_one_has_the_usual_values() -> None:
    held = library(ModelEntry("one"), ModelEntry("two", default=True))
    assert card_of(held, "").name == "two"
    assert card_of(held, "one").name == "one"
    assert card_of(held, "gone") == ModelEntry("")


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        (ModelEntry("one", bytes=2_130_000_000, family_title="SD 1.x"), "one · SD 1.x · 2.1 GB"),
        (ModelEntry("one", title="One", bytes=42_400_000), "One · 42 MB"),
        (ModelEntry("one", bytes=10), "one · 1 MB"),
    ],
)
def test_a_model_is_shown_with_family_and_size(card: ModelEntry, shown: str) -> None:
    assert model_choice(card) == (shown, "one")


@pytest.mark.parametrize(
    ("native", "step"), [((512, 512), 8), ((1024, 1024), 8), ((256, 256), 16), ((64, 64), 8)]
)
def test_sizes_fit_the_models_grid_and_have_about_its_pixels(
    native: tuple[int, int], step: int
) -> None:
    card = ModelEntry("one", native_size=native, sizes=SizeGrid(step_px=step))
    (first, value), *others = size_choices(card)
    assert first == f"{native[0]} × {native[1]}, native"
    assert value == "native"
    for shown, text in others:
        width, height = map(int, text.split("x"))
        assert shown.startswith(f"{width} × {height}  (")
        assert width % step == height % step == 0
        assert 0.7 < width * height / (native[0] * native[1]) < 1.4


def test_what_cannot_be_used_is_not_offered() -> None:
    held = library(
        controlnets=(ControlNetEntry("edges"), ControlNetEntry("bad", problem="cut off")),
        vaes=(VaeEntry("own"), VaeEntry("bad", problem="cut off")),
    )
    assert controlnet_choices(held) == [("the one that fits", ""), ("edges", "edges")]
    assert vae_choices(held) == [("the model's own", ""), ("own", "own")]


def test_what_enlarges_is_an_upscaler_or_in_its_own_tab_a_model_that_does() -> None:
    model = ModelEntry("x4", family_title="SD", can=Capabilities(enlarges=Enlarging(factor=4)))
    held = library(
        model,
        ModelEntry("plain"),
        upscalers=(UpscalerEntry("four", "ESRGAN", 4), UpscalerEntry("bad", problem="cut off")),
    )
    shown = [("four · ESRGAN · 4x", "four"), ("x4 · SD · 4x diffusion", "x4")]
    assert upscaler_choices("upscaler", held)[1:] == shown
    hires = upscaler_choices("hires_upscaler", held)
    assert [name for _, name in hires][-1] == "four"
    assert len(hires) == 3
    same = library(model, upscalers=(UpscalerEntry("x4"),))
    assert [name for _, name in upscaler_choices("upscaler", same)].count("x4") == 1


def test_a_detector_is_offered_where_a_controlnet_knows_its_pictures() -> None:
    assert {name for _, name in detector_choices(library())} == {"canny", "identity"}
    held = library(controlnets=(ControlNetEntry("depth", detectors=("depth_anything",)),))
    names = {name for _, name in detector_choices(held)}
    assert {"canny", "identity"} <= names


def test_the_native_size_goes_by_its_ratio_and_others_by_theirs() -> None:
    square = ratios(ModelEntry("a", native_size=(256, 256)))
    assert square["1:1"] == "native"
    assert list(square) == ["1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16"]
    wide = ratios(ModelEntry("a", native_size=(768, 512)))
    assert wide["3:2"] == "native"
    assert len(wide) == 6
