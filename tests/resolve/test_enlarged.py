"""Names of upscalers, and the size of what they make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.contracts.capabilities import Capabilities, Enlarging, SizeGrid
from backend.contracts.errors import BadInput, ModelProblem, UnknownName
from backend.contracts.library import Library, ModelEntry, UpscalerEntry
from backend.contracts.requests import Request
from backend.contracts.settings import Settings, parse
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
