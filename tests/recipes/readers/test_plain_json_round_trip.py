"""A recipe of ours in the words of each tool, and back: what they have words for is not lost."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from backend.contracts.events import Record
from backend.contracts.settings import parse
from backend.recipes.a1111 import parameters_text
from backend.recipes.metadata import from_texts

Recipe = dict[str, Any]
PAIRS = (("euler", "model"), ("dpmpp_2m", "karras"), ("euler_a", "model"))
K_NAMES = {"euler": "euler", "dpmpp_2m": "dpmpp_2m", "euler_a": "euler_ancestral"}  # k-diffusion's
A1111 = {"euler": "Euler", "dpmpp_2m": "DPM++ 2M Karras", "euler_a": "Euler a"}


def k_pair(recipe: Recipe, plain: str = "") -> dict[str, str]:
    """Sampler and schedule as ComfyUI and its kin call them; the plain one is left out."""
    schedule = "karras" if recipe["schedule"] == "karras" else plain
    return {"sampler": K_NAMES[recipe["sampler"]]} | ({"scheduler": schedule} if schedule else {})


def fooocus(recipe: Recipe) -> dict[str, str]:
    told = {
        "prompt": recipe["prompt"], "negative_prompt": recipe["negative_prompt"],
        "steps": recipe["steps"], "seed": str(recipe["seed"]), "base_model": recipe["model"],
        "guidance_scale": recipe["guidance_scale"], "version": "Fooocus v2.5.5",
        "resolution": str((recipe["width"], recipe["height"])), **k_pair(recipe),
        "loras": [[use["name"], use["weight"], "hash"] for use in recipe["loras"]],
    }  # fmt: skip
    return {"parameters": json.dumps(told), "fooocus_scheme": "fooocus"}


def swarm(recipe: Recipe) -> dict[str, str]:
    told = {
        "prompt": recipe["prompt"], "negativeprompt": recipe["negative_prompt"],
        "steps": recipe["steps"], "seed": recipe["seed"], "cfgscale": recipe["guidance_scale"],
        "width": recipe["width"], "height": recipe["height"], "model": recipe["model"],
        "loras": [use["name"] for use in recipe["loras"]],
        "loraweights": [str(use["weight"]) for use in recipe["loras"]], **k_pair(recipe),
    }  # fmt: skip
    return {"parameters": json.dumps({"sui_image_params": told})}


def invoke(recipe: Recipe) -> dict[str, str]:
    told = {
        "positive_prompt": recipe["prompt"], "negative_prompt": recipe["negative_prompt"],
        "steps": recipe["steps"], "seed": recipe["seed"], "cfg_scale": recipe["guidance_scale"],
        "width": recipe["width"], "height": recipe["height"],
        "model": {"name": recipe["model"], "key": "x"}, "scheduler": recipe["sampler"]
        + ("_k" if recipe["schedule"] == "karras" else ""),
        "loras": [{"model": {"name": u["name"]}, "weight": u["weight"]} for u in recipe["loras"]],
    }  # fmt: skip
    return {"invokeai_metadata": json.dumps(told)}


def novelai(recipe: Recipe) -> dict[str, str]:
    told = {
        "uc": recipe["negative_prompt"], "steps": recipe["steps"], "seed": recipe["seed"],
        "scale": recipe["guidance_scale"], "width": recipe["width"], "height": recipe["height"],
        "sampler": "k_" + K_NAMES[recipe["sampler"]],
        "noise_schedule": "karras" if recipe["schedule"] == "karras" else "native",
    }  # fmt: skip
    texts = {"Software": "NovelAI", "Description": recipe["prompt"], "Comment": json.dumps(told)}
    return texts


def draw_things(recipe: Recipe) -> dict[str, str]:
    told = {
        "c": recipe["prompt"], "uc": recipe["negative_prompt"], "steps": recipe["steps"],
        "seed": recipe["seed"], "scale": recipe["guidance_scale"], "model": recipe["model"],
        "size": f"{recipe['width']}x{recipe['height']}", "sampler": A1111[recipe["sampler"]],
        "lora": [{"model": u["name"], "weight": u["weight"]} for u in recipe["loras"]],
    }  # fmt: skip
    return {"parameters": json.dumps(told)}


def ruined_fooocus(recipe: Recipe) -> dict[str, str]:
    pair = k_pair(recipe)
    told = {
        "Prompt": recipe["prompt"], "Negative": recipe["negative_prompt"],
        "steps": recipe["steps"], "seed": recipe["seed"], "cfg": recipe["guidance_scale"],
        "width": recipe["width"], "height": recipe["height"], "software": "RuinedFooocus",
        "base_model_name": recipe["model"], "sampler_name": pair.pop("sampler"), **pair,
        "loras": [["", f"{use['weight']} - {use['name']}"] for use in recipe["loras"]],
    }  # fmt: skip
    return {"parameters": json.dumps(told)}


def tensor_art(recipe: Recipe) -> dict[str, str]:
    told = {
        "prompt": recipe["prompt"], "negativePrompt": recipe["negative_prompt"],
        "steps": recipe["steps"], "seed": str(recipe["seed"]), "width": recipe["width"],
        "height": recipe["height"], "cfgScale": recipe["guidance_scale"],
        "samplerName": A1111[recipe["sampler"]], "baseModel": {"modelFileName": recipe["model"]},
        "models": [{"type": "LORA", "modelFileName": use["name"], "weight": use["weight"]}
                   for use in recipe["loras"]],
    }  # fmt: skip
    return {"generation_data": json.dumps(told)}


def easy_diffusion(recipe: Recipe) -> dict[str, str]:
    pair = k_pair(recipe)
    return {
        "prompt": recipe["prompt"], "negative_prompt": recipe["negative_prompt"],
        "num_inference_steps": str(recipe["steps"]), "seed": str(recipe["seed"]),
        "guidance_scale": str(recipe["guidance_scale"]), "width": str(recipe["width"]),
        "height": str(recipe["height"]), "use_stable_diffusion_model": recipe["model"],
        "sampler_name": pair["sampler"], "scheduler_name": pair.get("scheduler", ""),
        "use_lora_model": str([use["name"] for use in recipe["loras"]]),
        "lora_alpha": str([use["weight"] for use in recipe["loras"]]),
    }  # fmt: skip


def comfyui(recipe: Recipe) -> dict[str, str]:
    def node(kind: str, **inputs: Any) -> Recipe:
        return {"class_type": kind, "inputs": inputs}

    last = "m"
    graph = {"m": node("CheckpointLoaderSimple", ckpt_name=recipe["model"] + ".safetensors")}
    for use in recipe["loras"]:
        name, weight = use["name"] + ".safetensors", use["weight"]
        graph[use["name"]] = node(
            "LoraLoader", model=[last, 0], lora_name=name, strength_model=weight
        )
        last = use["name"]
    pair = k_pair(recipe)
    numbers = {"steps": recipe["steps"], "seed": recipe["seed"], "cfg": recipe["guidance_scale"]}
    return {"prompt": json.dumps(graph | {
        "p": node("CLIPTextEncode", text=recipe["prompt"]),
        "n": node("CLIPTextEncode", text=recipe["negative_prompt"]),
        "l": node("EmptyLatentImage", width=recipe["width"], height=recipe["height"]),
        "s": node("KSampler", **numbers, sampler_name=pair.pop("sampler"), **pair, model=[last, 0],
                  positive=["p", 0], negative=["n", 0], latent_image=["l", 0]),
    })}  # fmt: skip


def kohya(recipe: Recipe) -> dict[str, str]:
    return {
        "prompt": recipe["prompt"], "negative-prompt": recipe["negative_prompt"],
        "seed": str(recipe["seed"]), "steps": str(recipe["steps"]),
        "scale": str(recipe["guidance_scale"]), "sampler": A1111[recipe["sampler"]],
    }  # fmt: skip


def a1111(recipe: Recipe) -> dict[str, str]:
    record = Record("txt2img", recipe, {"name": recipe["model"]})
    return {"parameters": parameters_text(record)}


def recipes() -> list[Recipe]:
    chance = random.Random(1)
    words = ["a red house", 'says "no", {really}', "line\nbreak: x", "赤い家 – café", ""]
    pairs = [chance.choice(PAIRS) for _ in range(40)]
    return [
        {
            "sampler": pair[0],
            "schedule": pair[1],
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
        for pair in pairs
    ]


@pytest.mark.parametrize(
    ("tool", "write", "without"),
    [
        ("Fooocus", fooocus, set()),
        ("SwarmUI", swarm, set()),
        ("InvokeAI", invoke, set()),
        ("NovelAI", novelai, {"model", "loras"}),
        ("Draw Things", draw_things, set()),
        ("RuinedFooocus", ruined_fooocus, set()),
        ("Tensor.Art", tensor_art, set()),
        ("Easy Diffusion", easy_diffusion, set()),
        ("ComfyUI", comfyui, set()),
        ("kohya's scripts", kohya, {"model", "loras", "width", "height"}),
        ("A1111", a1111, set()),
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
