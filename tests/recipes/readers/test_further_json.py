"""RuinedFooocus and Civitai's record beside a graph; `test_further_tools` has whole pictures."""

from __future__ import annotations

import json

import pytest

from backend.recipes.readers.further_json import civitai, ruined_fooocus


@pytest.mark.parametrize(
    "loras",
    [
        [["4852686128", "0.5 - a - b.safetensors"], ["", "none"], 3],
        "Loras:<a - b.safetensors:0.5>,<broken>",
    ],
)
def test_loras_in_either_form(loras: object) -> None:
    told = {"Prompt": "a house", "software": "RuinedFooocus", "loras": loras}
    draft = ruined_fooocus({"parameters": json.dumps(told)})
    assert draft is not None
    assert [dict(row) for row in draft.values["loras"]] == [{"name": "a - b", "weight": 0.5}]


def test_others_are_left_alone() -> None:
    for text in ("{}", "a house", '{"Prompt": "x"}', '{"extraMetadata": 3}'):
        assert ruined_fooocus({"parameters": text}) is None
        assert civitai({"parameters": text}) is None


def test_civitais_resources_are_kept_by_their_numbers() -> None:
    asked = json.dumps({"prompt": "a house", "resources": [{"modelVersionId": 7, "strength": 0.5}]})
    draft = civitai({"parameters": json.dumps({"extraMetadata": asked})})
    assert draft is not None
    assert draft.values["prompt"] == "a house"
    assert draft.unread == {"Civitai resource 7": "weight 0.5"}
