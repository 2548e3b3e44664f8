"""A cascade's stages, settled: names, what models recommend, sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.contracts.capabilities import Capabilities, Enlarging, SizeGrid
from backend.contracts.errors import BadInput, ModelProblem, UnknownName
from backend.contracts.library import Library, ModelEntry
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings, parse
from backend.resolve.request import resolve_pictures
from backend.sampling.samplers import ENTRIES

SMALL = SizeGrid(step_px=8, least_px=8)
FIRST = ModelEntry("one", native_size=(64, 64), guidance_scale=7.0, sizes=SMALL)
SECOND = ModelEntry(
    "two",
    guidance_scale=4.0,
    sizes=SizeGrid(step_px=64, least_px=8),
    can=Capabilities(from_noise=False, steps=50, sampler="ddpm", enlarges=Enlarging(4, 250, 999)),
)
BROKEN = replace(SECOND, name="broken", problem="A part is missing.")
LIBRARY = Library(models=(FIRST, SECOND, BROKEN), samplers=ENTRIES)


def settled(*rows: dict[str, Any], **values: Any) -> Txt2ImgSettings:
    asked = parse("txt2img", {"model": "one", "stages": list(rows)} | values)
    (run,) = resolve_pictures(Request(asked), LIBRARY).runs
    assert isinstance(run, Txt2ImgSettings)
    return run


def test_what_is_left_open_is_what_the_model_recommends() -> None:
    (row,) = settled({"model": "two"}).stages
    assert (row.steps, row.guidance_scale, row.noise_level) == (50, 4.0, 250)
    assert (row.sampler, row.factor) == ("ddpm", 4)
    (own,) = settled(
        {"model": "two", "guidance_scale": 1.0, "noise_level": 0, "time_steps": "fast27"}
    ).stages
    assert (own.steps, own.guidance_scale, own.noise_level) == (27, 1.0, 0)


def test_a_row_that_is_off_is_not_looked_up() -> None:
    assert settled({"model": "gone", "on": False}).drawn_size == (64, 64)


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ({"model": "tow"}, UnknownName, "did you mean 'two'"),
        ({"model": "broken"}, ModelProblem, "A part is missing"),
        ({"model": "one"}, BadInput, "enlarges no picture"),
        ({"model": "two", "sampler": "magic"}, BadInput, "no sampler 'magic'"),
    ],
)
def test_what_is_no_stage_is_refused(row: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        settled(row)


def test_sizes_that_do_not_follow_from_each_other_are_refused() -> None:
    assert settled({"model": "two"}, width=80, height=64).drawn_size == (320, 256)
    with pytest.raises(BadInput, match="multiples of 64 px, and 72x64 px becomes 288x256 px"):
        settled({"model": "two"}, width=72)
    with pytest.raises(BadInput, match="8192 px are the most"):
        settled(*[{"model": "two"}] * 4)
