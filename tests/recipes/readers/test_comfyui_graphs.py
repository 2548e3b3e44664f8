"""ComfyUI's graphs: from the sampler back, through what only hands on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.recipes.readers import comfyui

MODEL = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "xl\\dream.safetensors"}}
LATENT = {"class_type": "EmptyLatentImage", "inputs": {"width": 320, "height": 256}}


def text(words: Any) -> dict[str, Any]:
    return {"class_type": "CLIPTextEncode", "inputs": {"text": words, "clip": ["m", 1]}}


def sampler(**inputs: Any) -> dict[str, Any]:
    standard = {
        "seed": 4, "steps": 9, "cfg": 6.5, "sampler_name": "dpmpp_2m", "scheduler": "karras",
        "denoise": 1.0, "model": ["m", 0], "positive": ["p", 0], "negative": ["n", 0],
        "latent_image": ["l", 0],
    }  # fmt: skip
    return {"class_type": "KSampler", "inputs": standard | inputs}


def found(nodes: dict[str, Any], **standard: Any) -> Any:
    graph = {"m": MODEL, "l": LATENT, "p": text("a house"), "n": text("fog"), **standard, **nodes}
    draft = comfyui.read({"prompt": json.dumps(graph)})
    assert draft is not None
    return draft.settled()


def test_a_plain_graph() -> None:
    assert found({"s": sampler()}).settings == {
        "prompt": "a house", "negative_prompt": "fog", "seed": 4, "steps": 9,
        "guidance_scale": 6.5, "sampler": "dpmpp_2m", "schedule": "karras", "width": 320,
        "height": 256, "model": "xl/dream",
    }  # fmt: skip


def test_values_in_nodes_of_their_own() -> None:
    nodes = {
        "s": sampler(seed=["r", 0], steps=["i", 0]),
        "r": {"class_type": "Seed (rgthree)", "inputs": {"seed": 77}},
        "i": {"class_type": "PrimitiveInt", "inputs": {"value": 12}},
        "p": text(["t", 0]),
        "t": {"class_type": "PrimitiveString", "inputs": {"value": "a boat"}},
    }
    settings = found(nodes).settings
    assert (settings["seed"], settings["steps"], settings["prompt"]) == (77, 12, "a boat")


def test_loras_in_their_order_and_a_chain_of_conditioning() -> None:
    lora = {"class_type": "LoraLoader", "inputs": {}}
    nodes = {
        "s": sampler(model=["b", 0], positive=["c", 0]),
        "a": lora | {"inputs": {"lora_name": "one.safetensors", "strength_model": 0.5,
                                "model": ["m", 0]}},
        "b": lora | {"inputs": {"lora_name": "two.safetensors", "strength_model": -1,
                                "model": ["a", 0]}},
        "c": {"class_type": "ConditioningCombine",
              "inputs": {"conditioning_1": ["p", 0], "conditioning_2": ["q", 0]}},
        "q": text("a tower"),
    }  # fmt: skip
    parsed = found(nodes)
    assert parsed.settings["loras"] == [
        {"name": "one", "weight": 0.5},
        {"name": "two", "weight": -1.0},
    ]
    assert parsed.settings["prompt"] == "a house"
    assert "a tower" in parsed.unread["further positive prompt"]


def test_the_first_pass_is_the_one_that_counts() -> None:
    nodes = {
        "first": sampler(seed=1),
        "up": {"class_type": "LatentUpscale", "inputs": {"samples": ["first", 0]}},
        "second": sampler(seed=2, latent_image=["up", 0], denoise=0.5),
    }
    parsed = found(nodes)
    assert (parsed.settings["seed"], parsed.settings["width"]) == (1, 320)


def test_custom_samplers_have_their_parts_in_nodes() -> None:
    nodes = {
        "s": {"class_type": "SamplerCustomAdvanced",
              "inputs": {"noise": ["r", 0], "guider": ["g", 0], "sampler": ["k", 0],
                         "sigmas": ["b", 0], "latent_image": ["l", 0]}},
        "r": {"class_type": "RandomNoise", "inputs": {"noise_seed": 5}},
        "g": {"class_type": "CFGGuider", "inputs": {"cfg": 4, "model": ["m", 0],
                                                    "positive": ["p", 0], "negative": ["n", 0]}},
        "k": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "b": {"class_type": "BasicScheduler", "inputs": {"scheduler": "karras", "steps": 6}},
    }  # fmt: skip
    settings = found(nodes).settings
    assert (settings["seed"], settings["steps"], settings["guidance_scale"]) == (5, 6, 4)
    assert (settings["prompt"], settings["negative_prompt"]) == ("a house", "fog")
    assert (settings["sampler"], settings["model"]) == ("euler", "xl/dream")


@pytest.mark.parametrize(
    "graph", [{}, {"3": {"class_type": "KSampler", "inputs": {"steps": 8}}}, {"a": [1]}]
)
def test_a_graph_that_says_little_makes_no_prompt(graph: dict[str, Any]) -> None:
    draft = comfyui.read({"prompt": json.dumps(graph), "workflow": '{"nodes": []}'})
    assert draft is not None
    parsed = draft.settled()
    assert "prompt" not in parsed.settings
    assert parsed.unread["workflow"] == '{"nodes": []}'


def test_a_ring_of_links_ends() -> None:
    nodes = {"s": sampler(latent_image=["x", 0]), "x": {"class_type": "Reroute", "inputs": {}}}
    nodes["x"]["inputs"] = {"samples": ["y", 0]}
    nodes["y"] = {"class_type": "Reroute", "inputs": {"samples": ["x", 0]}}
    assert found(nodes).settings["steps"] == 9
    assert found({"s": sampler(seed=["z", 0]), "z": {"class_type": "A",
                  "inputs": {"seed": ["z", 0]}}}).settings["steps"] == 9  # fmt: skip


def test_a1111s_text_beside_it_goes_first() -> None:
    assert comfyui.read({"prompt": "{}", "parameters": "a house\nSteps: 1"}) is None
    assert comfyui.under_parameters({"parameters": json.dumps({"prompt": {"s": sampler()}})})
    assert comfyui.under_parameters({"parameters": '{"a": 1}'}) is None
