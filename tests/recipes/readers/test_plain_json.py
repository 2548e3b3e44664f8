"""Records that are one JSON object: whose they are, and what odd ones do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from backend.recipes.dialects import translated
from backend.recipes.draft import Draft
from backend.recipes.readers import plain_json
from backend.recipes.readers.common import Texts


def told(reader: Callable[[Texts], Draft | None], key: str, record: Any, **texts: str) -> Draft:
    draft = reader({key: json.dumps(record), **texts})
    assert draft is not None
    return draft


@pytest.mark.parametrize(
    ("reader", "texts"),
    [
        (plain_json.fooocus, {"parameters": '{"prompt": "a"}'}),
        (plain_json.swarmui, {"parameters": '{"sui_image_params": 7}'}),
        (plain_json.swarmui, {"parameters": "a house"}),
        (plain_json.invokeai, {"invokeai_metadata": "[]"}),
        (plain_json.novelai, {"Comment": '{"prompt": "a"}'}),
        (plain_json.draw_things, {"parameters": '{"c": "a"}'}),
        (plain_json.unknown, {"parameters": "a house\nSteps: 7"}),
    ],
)
def test_the_record_of_another_is_left_to_the_next(reader: Any, texts: Texts) -> None:
    assert reader(texts) is None


def test_fooocus_rows_are_name_and_weight_and_what_follows() -> None:
    record = {
        "base_model": "x.safetensors",
        "loras": [["ink.safetensors", 0.5, "hash"], ["short"], 7, ["odd", "much"]],
        "resolution": "(64, 128)",
        "sampler": "dpmpp_2m_sde_gpu",
        "scheduler": "karras",
    }
    draft = told(plain_json.fooocus, "parameters", record)
    assert draft.values["loras"] == [{"name": "ink", "weight": 0.5}]
    assert (draft.values["width"], draft.values["height"]) == (64, 128)
    assert (draft.values["sampler"], draft.values["schedule"]) == ("dpmpp_2m_sde", "karras")
    assert draft.unread["LoRA"] == "odd: much"


@pytest.mark.parametrize("resolution", ["(64,)", "64x128", "(None, 64)", "__import__('os')", 7])
def test_a_size_that_is_none_is_said(resolution: Any) -> None:
    draft = told(plain_json.fooocus, "parameters", {"base_model": "x", "resolution": resolution})
    assert "width" not in draft.values
    assert any("is not a size" in note for note in draft.notes)


def test_swarms_weights_may_be_fewer_than_its_loras() -> None:
    params = {"loras": ["a", "b"], "loraweights": ["0.5"], "prompt": "a house"}
    draft = told(plain_json.swarmui, "parameters", {"sui_image_params": params})
    assert draft.values["loras"] == [{"name": "a", "weight": 0.5}, {"name": "b", "weight": 1.0}]
    assert draft.tool == "SwarmUI"


@pytest.mark.parametrize(
    "model", ["base.safetensors", {"name": "base"}, {"name": 7, "model_name": "base.ckpt"}]
)
def test_invokes_models_are_named_in_several_ways(model: Any) -> None:
    record = {
        "positive_prompt": "a house",
        "model": model,
        "scheduler": "dpmpp_2m_k",
        "loras": [{"lora": {"model_name": "ink"}, "weight": 0.7}, {"model": "wax"}, "odd"],
        "clip_skip": 1,
    }
    draft = told(plain_json.invokeai, "invokeai_metadata", record)
    assert draft.values["model"] == "base"
    assert (draft.values["sampler"], draft.values["schedule"]) == ("dpmpp_2m", "karras")
    assert draft.values["loras"] == [
        {"name": "ink", "weight": 0.7},
        {"name": "wax", "weight": 1.0},
    ]
    assert draft.values["clip_skip"] == 2  # it counts the layers that are left out


def test_novelais_braces_stay_and_can_be_translated() -> None:
    draft = told(
        plain_json.novelai, "Comment", {"uc": "fog", "steps": 9}, Description="a {red} house"
    )
    assert draft.values["prompt"] == "a {red} house"
    assert translated(str(draft.values["prompt"]), "novelai").text == "a (red:1.05) house"


def test_draw_things_size_is_a_text() -> None:
    record = {"c": "a house", "scale": 7, "sampler": "Euler a", "size": "64x128"}
    draft = told(plain_json.draw_things, "parameters", record | {"lora": [{"model": "ink.pt"}]})
    assert (draft.values["width"], draft.values["height"]) == (64, 128)
    assert draft.values["loras"] == [{"name": "ink", "weight": 1.0}]


def test_of_nobody_we_know_all_is_kept_and_nothing_is_a_prompt() -> None:
    draft = told(plain_json.unknown, "parameters", {"prompt": "a house", "x": [1]})
    assert draft.values == {}
    assert json.loads(draft.unread["parameters"]) == {"prompt": "a house", "x": [1]}
