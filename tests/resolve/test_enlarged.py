"""Names of upscalers, and the size of what they make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.contracts.capabilities import Capabilities, Enlarging, SizeGrid
from backend.contracts.errors import BadInput, ModelProblem, UnknownName
from backend.contracts.library import Library, ModelEntry, UpscalerEntry
from backend.contracts.requests import Request
from backend.contracts.settings import Settings, UpscaleSettings, parse
from backend.resolve.request import resolve_pictures
from backend.sampling.samplers import ENTRIES

MODEL = ModelEntry("sea", native_size=(64, 64), sizes=SizeGrid(step_px=32, most_px=128))
LIBRARY = Library(
    models=(MODEL,),
    samplers=ENTRIES,
    upscalers=(UpscalerEntry("sharp", "Compact", 4), UpscalerEntry("old", problem="A pickle.")),
)


def settled(
    library: Library = LIBRARY, side_px: tuple[int, int] = (50, 70), **values: object
) -> Settings:
    image = np.zeros((side_px[1], side_px[0], 3), np.uint8)
    request = Request(parse("upscale", values), {"image": image})
    (run,) = resolve_pictures(request, library).runs
    return run


def test_the_size_comes_from_the_picture() -> None:
    assert settled(factor=2.0).drawn_size == (100, 140)


def test_what_only_enlarges_needs_no_model_and_names_none() -> None:
    run = settled(replace(LIBRARY, models=()), model="gone", upscaler="sharp")
    assert run.model == ""


def test_what_draws_again_takes_the_models_grid_and_may_pass_its_most() -> None:
    run = settled(factor=3.0, strength=0.5)
    assert (run.model, run.drawn_size) == ("sea", (160, 224))
    with pytest.raises(UnknownName):
        settled(model="gone", strength=0.5)


def test_a_result_that_is_too_large_is_refused_with_what_would_fit() -> None:
    with pytest.raises(BadInput, match=r"a factor up to 2\.5 would fit") as caught:
        settled(factor=4.0, side_px=(3200, 10))
    assert caught.value.field == "factor"


def test_a_model_that_enlarges_by_itself_draws_no_enlarged_picture_again() -> None:
    four = replace(MODEL, can=Capabilities(enlarges=Enlarging(4, 20, 350)))
    with pytest.raises(BadInput, match="'sea' draws no enlarged picture again") as refusal:
        settled(replace(LIBRARY, models=(four,)), strength=0.5)
    assert refusal.value.field == "model"
    assert settled(replace(LIBRARY, models=(four,))).drawn_size == (100, 140)


def test_names_are_looked_up() -> None:
    with pytest.raises(UnknownName, match="did you mean 'sharp'"):
        settled(upscaler="shrap")
    with pytest.raises(ModelProblem, match=r"cannot be used. A pickle."):
        settled(upscaler="old")


def test_hires_fix_looks_them_up_too() -> None:
    def hires(**values: object) -> None:
        resolve_pictures(Request(parse("txt2img", values)), LIBRARY)

    hires(hires_scale=2.0, hires_upscaler="sharp")
    hires(hires_scale=1.0, hires_upscaler="gone")  # it acts on nothing
    with pytest.raises(UnknownName) as caught:
        hires(hires_scale=2.0, hires_upscaler="gone")
    assert caught.value.field == "hires_upscaler"


def test_a_picture_is_needed() -> None:
    with pytest.raises(BadInput, match="add the one to enlarge"):
        resolve_pictures(Request(parse("upscale", {})), LIBRARY)


FOUR = ModelEntry(
    "four",
    guidance_scale=9.0,
    sizes=SizeGrid(step_px=4, least_px=32),
    can=Capabilities(steps=75, sampler="ddim", enlarges=Enlarging(4, 20, 350)),
)
BOTH = replace(LIBRARY, models=(MODEL, FOUR))


def test_a_diffusion_upscaler_is_named_as_the_others_and_recommends() -> None:
    run = settled(BOTH, upscaler="four", factor=2.0)
    assert isinstance(run, UpscaleSettings)
    assert (run.noise_level, run.upscaler_steps, run.upscaler_guidance) == (20, 75, 9.0)
    assert (run.model, run.drawn_size, run.diffuses) == ("", (100, 140), True)
    own = settled(BOTH, upscaler="four", noise_level=0, upscaler_steps=5, upscaler_guidance=1.0)
    assert isinstance(own, UpscaleSettings)
    assert (own.noise_level, own.upscaler_steps, own.upscaler_guidance) == (0, 5, 1.0)


def test_its_settings_say_nothing_of_the_other_ways() -> None:
    run = settled(BOTH, upscaler="sharp", noise_level=90)
    assert isinstance(run, UpscaleSettings)
    assert not run.diffuses


def test_what_it_does_not_take_is_refused() -> None:
    with pytest.raises(BadInput, match="from 0 to 350, not 351") as noise:
        settled(BOTH, upscaler="four", noise_level=351)
    assert noise.value.field == "noise_level"
    with pytest.raises(BadInput, match="takes pictures from 8 px, and this one has 5 px"):
        settled(BOTH, side_px=(5, 9), upscaler="four", factor=1.0)
    blind = replace(FOUR, can=Capabilities(guidance="none", enlarges=Enlarging(4)))
    with pytest.raises(BadInput, match="has no guidance"):
        settled(replace(BOTH, models=(blind,)), upscaler="four", upscaler_guidance=3.0)
    run = settled(replace(BOTH, models=(blind,)), upscaler="four")
    assert isinstance(run, UpscaleSettings)
    assert run.upscaler_guidance == 1.0
    broken = replace(FOUR, problem="A part is missing.")
    with pytest.raises(ModelProblem, match="A part is missing"):
        settled(replace(BOTH, models=(broken,)), upscaler="four")
    with pytest.raises(UnknownName, match="did you mean 'four'"):
        settled(BOTH, upscaler="foru")
