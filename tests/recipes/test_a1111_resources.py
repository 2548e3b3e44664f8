"""Hashes in a text, and what Civitai's generator says that it drew with."""

from __future__ import annotations

import json

import pytest

from backend.recipes.a1111 import parse_parameters

BASE = "a red house\nSteps: 8, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512"
RESOURCES = [
    {"type": "checkpoint", "modelName": "Pony, the: one", "modelVersionName": 'V6 "XL"'},
    {"type": "lora", "weight": 0.8, "modelName": "Ink"},
    {"type": "lora", "weight": 99, "modelName": "Loud"},
    {"type": "embed", "modelName": "bad hands"},
]


def test_hashes_stand_under_the_names_of_our_own_records() -> None:
    text = (
        f'{BASE}, VAE hash: 1234abcd, Lora hashes: "ink: aaaa, my: lora: bbbb", '
        'TI hashes: "bad: cccc", Hashes: {"model": "dddd", "lora:pen": "eeee", "embed:x": "ffff"}'
    )
    facts = parse_parameters(text).facts
    assert facts == {
        "vae_hash": "1234abcd",
        "lora_hashes": {"ink": "aaaa", "my: lora": "bbbb", "pen": "eeee"},
        "embeddings": {"bad": "cccc", "x": "ffff"},
    }


def test_civitais_list_names_model_and_loras() -> None:
    parsed = parse_parameters(f"{BASE}, Civitai resources: {json.dumps(RESOURCES)}")
    assert parsed.settings["model"] == "Pony, the: one"
    assert parsed.settings["loras"] == [{"name": "Ink", "weight": 0.8}]
    assert parsed.unread == {"LoRA": "Loud: 99.0", "Civitai embed": "bad hands"}


def test_a_tag_in_the_prompt_goes_before_the_list() -> None:
    text = f"{BASE}, Civitai resources: {json.dumps(RESOURCES)}"
    parsed = parse_parameters(text.replace("house", "house <lora:Ink:0.3>"))
    assert parsed.settings["loras"] == [{"name": "Ink", "weight": 0.3}]


@pytest.mark.parametrize("broken", ["[{]", "[1, null]", '{"a": 1}', "[[]]", '["x"]'])
def test_a_damaged_list_is_no_error(broken: str) -> None:
    assert parse_parameters(f"{BASE}, Civitai resources: {broken}").settings["steps"] == 8
