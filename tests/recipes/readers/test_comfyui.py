"""ComfyUI's graph: followed from its sampler, whatever it holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.recipes.draft import Draft
from backend.recipes.readers import comfyui

GRAPH: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "base.safetensors"}},
    "2": {
        "class_type": "LoraLoader",
        "inputs": {"model": ["1", 0], "lora_name": "ink.safetensors", "strength_model": 0.5},
    },
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a house"}},
    "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 128}},
    "6": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["2", 0],
            "positive": ["3", 0],
            "negative": ["4", 0],
            "latent_image": ["5", 0],
            "seed": 7,
            "steps": 9,
            "cfg": 4.5,
            "sampler_name": "euler_ancestral",
            "scheduler": "normal",
            "denoise": 1.0,
        },
    },
}


def told(graph: Any, **texts: str) -> Draft:
    draft = comfyui.read({"prompt": json.dumps(graph), **texts})
    assert draft is not None
    return draft


def changed(node: str, **inputs: Any) -> dict[str, Any]:
    old = GRAPH[node]
    return GRAPH | {node: {**old, "inputs": old["inputs"] | inputs}}


def test_a_graph_is_followed_from_its_sampler() -> None:
    draft = told(GRAPH)
    assert draft.values == {
        "seed": 7,
        "steps": 9,
        "guidance_scale": 4.5,
        "sampler": "euler_a",
        "schedule": "model",
        "prompt": "a house",
        "negative_prompt": "fog",
        "model": "base",
        "loras": [{"name": "ink", "weight": 0.5}],
        "width": 64,
        "height": 128,
    }
    assert draft.notes == ["The schedule 'normal' is not known here; 'model' is the nearest."]


def test_a_value_may_come_through_other_nodes() -> None:
    graph = changed("6", seed=["7", 0], steps=["8", 0])
    graph |= {
        "7": {"class_type": "Seed", "inputs": {"seed": ["9", 0]}},
        "9": {"class_type": "PrimitiveInt", "inputs": {"value": 11}},
        "8": {"class_type": "PrimitiveInt", "inputs": {"value": 5}},
    }
    assert (told(graph).values["seed"], told(graph).values["steps"]) == (11, 5)


def test_of_two_passes_the_first_is_read() -> None:
    second = GRAPH["6"]
    graph = GRAPH | {
        "9": {**second, "inputs": second["inputs"] | {"latent_image": ["6", 0], "seed": 8}}
    }
    draft = told(graph)
    assert (draft.values["seed"], draft.values["width"]) == (7, 64)


def test_what_starts_from_a_picture_is_kept() -> None:
    graph = changed("6", denoise=0.4, latent_image=["5", 0])
    graph |= {
        "5": {"class_type": "VAEEncode", "inputs": {"pixels": ["8", 0]}},
        "8": {"class_type": "LoadImage", "inputs": {"image": "sea.png"}},
    }
    draft = told(graph)
    assert (draft.unread["denoise"], draft.unread["source picture"]) == ("0.4", '"sea.png"')


@pytest.mark.parametrize(
    "graph",
    [
        {"1": {"class_type": "SaveImage", "inputs": {}}},
        {"1": 7, "2": {"class_type": 7, "inputs": {}}, "3": {"class_type": "KSampler"}},
        {},
    ],
)
def test_one_without_a_sampler_says_so(graph: dict[str, Any]) -> None:
    draft = told(graph)
    assert draft.values == {}
    assert draft.notes == ["Its ComfyUI graph has no sampler that is known here."]


def test_circles_and_broken_links_end() -> None:
    circle = changed("2", model=["2", 0])
    assert told(circle).values["loras"] == [{"name": "ink", "weight": 0.5}]
    seeds = changed("6", seed=["7", 0]) | {
        "7": {"class_type": "Seed", "inputs": {"seed": ["7", 0]}}
    }
    assert "seed" not in told(seeds).values
    broken = changed("6", positive=["99", 0], model=[None, 0], latent_image=["5"])
    assert set(told(broken).values) & {"prompt", "model", "width"} == set()


def test_a_workflow_beside_it_is_kept_whole() -> None:
    draft = told(GRAPH, workflow='{"nodes": []}')
    assert draft.unread["workflow"] == '{"nodes": []}'
    alone = comfyui.read({"workflow": '{"nodes": [1]}'})
    assert alone is not None
    assert alone.values == {}


def test_where_a1111s_text_stands_too_that_is_read() -> None:
    assert comfyui.read({"prompt": json.dumps(GRAPH), "parameters": "a house"}) is None
    assert comfyui.read({"parameters": "a house"}) is None


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_graph_may_stand_under_parameters(wrapped: bool) -> None:
    document = {"prompt": GRAPH} if wrapped else GRAPH
    draft = comfyui.under_parameters({"parameters": json.dumps(document)})
    assert draft is not None
    assert draft.values["prompt"] == "a house"
    assert comfyui.under_parameters({"parameters": '{"a": 1}'}) is None
    assert comfyui.under_parameters({"parameters": "a house"}) is None
