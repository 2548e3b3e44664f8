"""A recipe of ours in the words of each tool, and back: what they have words for is not lost."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from backend.contracts.settings import parse
from backend.recipes.metadata import from_texts

Recipe = dict[str, Any]
PAIRS = (("euler", "model"), ("dpmpp_2m", "karras"), ("euler_a", "model"))
FULL = {"prompt", "negative_prompt", "steps", "seed", "guidance_scale", "width", "height", "model"}


def fooocus(recipe: Recipe) -> dict[str, str]:
    told = {
        "prompt": recipe["prompt"], "negative_prompt": recipe["negative_prompt"],
        "steps": recipe["steps"], "seed": str(recipe["seed"]), "base_model": recipe["model"],
        "guidance_scale": recipe["guidance_scale"], "version": "Fooocus v2.5.5",
        "resolution": str((recipe["width"], recipe["height"])),
        "loras": [[use["name"], use["weight"], "hash"] for use in recipe["loras"]],
    }  # fmt: skip
    return {"parameters": json.dumps(told), "fooocus_scheme": "fooocus"}


def swarm(recipe: Recipe) -> dict[str, str]:
    told = {
        "prompt": recipe["prompt"], "negativeprompt": recipe["negative_prompt"],
        "steps": recipe["steps"], "seed": recipe["seed"], "cfgscale": recipe["guidance_scale"],
        "width": recipe["width"], "height": recipe["height"], "model": recipe["model"],
        "loras": [use["name"] for use in recipe["loras"]],
        "loraweights": [str(use["weight"]) for use in recipe["loras"]],
    }  # fmt: skip
    return {"parameters": json.dumps({"sui_image_params": told})}


def invoke(recipe: Recipe) -> dict[str, str]:
    told = {
        "positive_prompt": recipe["prompt"], "negative_prompt": recipe["negative_prompt"],
        "steps": recipe["steps"], "seed": recipe["seed"], "cfg_scale": recipe["guidance_scale"],
        "width": recipe["width"], "height": recipe["height"],
        "model": {"name": recipe["model"], "key": "x"},
        "loras": [{"model": {"name": u["name"]}, "weight": u["weight"]} for u in recipe["loras"]],
    }  # fmt: skip
    return {"invokeai_metadata": json.dumps(told)}


def novelai(recipe: Recipe) -> dict[str, str]:
    told = {
        "uc": recipe["negative_prompt"], "steps": recipe["steps"], "seed": recipe["seed"],
        "scale": recipe["guidance_scale"], "width": recipe["width"], "height": recipe["height"],
    }  # fmt: skip
    texts = {"Software": "NovelAI", "Description": recipe["prompt"], "Comment": json.dumps(told)}
    return texts


def draw_things(recipe: Recipe) -> dict[str, str]:
    told = {
        "c": recipe["prompt"], "uc": recipe["negative_prompt"], "steps": recipe["steps"],
        "seed": recipe["seed"], "scale": recipe["guidance_scale"], "model": recipe["model"],
        "size": f"{recipe['width']}x{recipe['height']}", "sampler": "Euler a",
        "lora": [{"model": u["name"], "weight": u["weight"]} for u in recipe["loras"]],
    }  # fmt: skip
    return {"parameters": json.dumps(told)}


def recipes() -> list[Recipe]:
    chance = random.Random(1)
    words = ["a red house", 'says "no", {really}', "line\nbreak: x", "赤い家 – café", ""]
    return [
        {
            "prompt": chance.choice(words[:-1]),
            "negative_prompt": chance.choice(words),
            "steps": chance.randint(1, 50),
            "seed": chance.randrange(2**32),
            "guidance_scale": chance.choice([1.0, 6.5, 7.0, 30.0]),
            "width": 8 * chance.randint(8, 128),
            "height": 8 * chance.randint(8, 128),
            "model": chance.choice(["pocket", "xl/dream v2"]),
            "loras": [
                {"name": name, "weight": chance.choice([1.0, -0.35, 2.0])}
                for name in chance.sample(["ink", "char/style"], chance.randint(0, 2))
            ],
        }
        for _ in range(40)
    ]


@pytest.mark.parametrize(
    ("tool", "write", "without"),
    [
        ("Fooocus", fooocus, set()),
        ("SwarmUI", swarm, set()),
        ("InvokeAI", invoke, set()),
        ("NovelAI", novelai, {"model", "loras"}),
        ("Draw Things", draw_things, set()),
    ],
)
def test_a_recipe_comes_back(
    tool: str, write: Callable[[Recipe], dict[str, str]], without: set[str]
) -> None:
    for recipe in recipes():
        found = from_texts(write(recipe))
        assert found.tool == tool
        parse(found.mode, found.settings)
        wanted = {key: value for key, value in recipe.items() if key not in without and value != []}
        assert {key: found.settings.get(key) for key in wanted} == wanted
        assert "unread" not in found.extra
