"""Regions: where they are, and which act."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import Txt2ImgSettings, parse
from backend.contracts.settings.regions import Region, acting_regions
from backend.contracts.workload import rows_each

LEFT = {"prompt": "a boat", "box": [0.0, 0.0, 0.5, 1.0]}


def settings(*regions: Any, **values: Any) -> Any:
    return parse("txt2img", {"regions": list(regions), "guidance_scale": 4.0} | values)


def test_they_travel_as_json_and_are_left_out_where_there_are_none() -> None:
    assert not {"regions", "region_soft"} & set(Txt2ImgSettings().model_dump())
    made = settings(LEFT, {"prompt": "a tree", "cells": "01/01", "weight": 0.5})
    assert parse("txt2img", made.model_dump(mode="json")) == made
    assert made.prompts[-2:] == ("a boat", "a tree")


@pytest.mark.parametrize(
    "region",
    [
        {"box": [0.5, 0.0, 0.4, 1.0]},
        {"box": [0.0, 0.0, 1.5, 1.0]},
        {"box": [0.0, 0.0, 1.0]},
        {"cells": "01/1"},
        {"cells": "0x"},
        {"cells": "/".join(["0" * 33] * 2)},
        {"weight": -1.0},
        {"color": "red"},
    ],
)
def test_what_is_no_place_is_refused(region: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="regions"):
        settings(region)
    with pytest.raises(BadInput, match="regions"):
        settings(*[LEFT] * 5)


def test_what_has_no_place_and_no_weight_costs_no_row() -> None:
    nothing = (
        LEFT | {"weight": 0.0},
        LEFT | {"on": False},
        LEFT | {"box": [0.5, 0.0, 0.5, 1.0]},
        LEFT | {"cells": "00/00"},
    )
    assert acting_regions(settings(*nothing)) == ()
    assert rows_each(settings(*nothing)) == rows_each(settings()) == 2
    assert rows_each(settings(LEFT)) == 3
    assert rows_each(settings(LEFT, region_by="attention")) == 2  # each place reads its own
    assert rows_each(settings(LEFT, LEFT | {"prompt": "a tree AND a house"})) == 5
    assert rows_each(settings({"prompt": "a boat"})) == 2
    covered = LEFT, {"prompt": "a boat"}
    assert rows_each(settings(*covered, region_base=0.0)) == 3
    assert rows_each(settings(*covered, prompt="a sea")) == 4  # which keeps a share of the left
    assert rows_each(settings(*covered, prompt=" ")) == 3  # it says nothing
    with pytest.raises(BadInput, match="told apart by prediction"):
        settings(LEFT, prompt="a AND b", region_by="attention")
    assert acting_regions(parse("morph", {})) == ()


def test_their_loras_are_told_where_there_are_some() -> None:
    ink, off = {"name": "ink", "weight": 0.5}, {"name": "neon", "on": False}
    made = settings(LEFT | {"loras": [ink, off]}, LEFT | {"loras": [ink]}, loras=[{"name": "base"}])
    assert parse("txt2img", made.model_dump(mode="json")) == made
    assert "loras" not in settings(LEFT).model_dump()["regions"][0]
    assert [use.name for use in made.lora_uses] == ["base", "ink"]
    assert [use.name for use in made.acting_loras] == ["base"]
    # Two negatives: of the rest and of both regions; three prompts.
    assert rows_each(made) == 5
    assert settings(LEFT | {"loras": [ink], "weight": 0.0}).lora_uses == ()
    with pytest.raises(BadInput, match="regions"):
        settings(LEFT | {"loras": [ink] * 9})
    compared = {"regions": [LEFT | {"loras": [ink]}], "compare": True}
    with pytest.raises(BadInput, match="out of the regions"):
        parse("lora_mix", compared)


def test_one_may_cover_all() -> None:
    assert Region().covers_all
    assert Region(cells="11/11").covers_all
    assert not Region(cells="11/10").covers_all
    assert not Region(box=(0.0, 0.0, 1.0, 0.9)).covers_all


def test_the_second_pass_has_them_too() -> None:
    whole = settings(LEFT, width=64, height=64, hires_scale=2.0)
    assert whole.second_stage.regions == whole.regions
