"""Texts beside pictures: each tool's is told from the others and from what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.recipes.metadata import read
from backend.recipes.sidecar import texts_in
from tests.recipes.test_further import BASIC, EULER_A, LINE, SAMPLED, comfy

EULER = {"kind": "KSampler", "seed": 42, "steps": 8, "cfg": 7, "sampler_name": "euler"}
FILES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "A1111": (f"a house\nNegative prompt: fog\n{LINE}", BASIC | EULER_A, "A1111"),
    "A1111, with a mark in front": (f"\ufeffa house\nNegative prompt: fog\n{LINE}", BASIC, "A1111"),
    "ComfyUI's graph": (comfy(EULER), SAMPLED, "ComfyUI"),
    "ComfyUI's request": ({"prompt": comfy(EULER), "client_id": "x"}, SAMPLED, "ComfyUI"),
    "ComfyUI's workflow": (
        {"nodes": [{"id": 3, "type": "KSampler", "widgets_values": [42, "fixed", 8, 7, "euler"],
                    "inputs": [{"name": "positive", "link": 1}]},
                   {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a house"]}],
         "links": [[1, 6, 0, 3, 1, "CONDITIONING"]]},
        {"prompt": "a house", "seed": 42, "steps": 8},
        "ComfyUI",
    ),
    "Easy Diffusion": (
        {"prompt": "a house", "negative_prompt": "fog", "seed": 42, "num_inference_steps": 8,
         "guidance_scale": 7.0, "width": 256, "height": 256, "sampler_name": "euler_a",
         "use_stable_diffusion_model": "m", "use_lora_model": ["ink"], "lora_alpha": [0.5]},
        BASIC | EULER_A | {"loras": [{"name": "ink", "weight": 0.5}]},
        "Easy Diffusion",
    ),
    "InvokeAI": ({"positive_prompt": "a house", "seed": 42}, {"prompt": "a house"}, "InvokeAI"),
    "SwarmUI": ({"sui_image_params": {"prompt": "a house"}}, {"prompt": "a house"}, "SwarmUI"),
    "Fooocus": (
        {"base_model": "m", "metadata_scheme": "fooocus", "prompt": "a house"},
        {"prompt": "a house", "model": "m"},
        "Fooocus",
    ),
    "ours": (
        {"schema": 1, "mode": "txt2img", "settings": {"prompt": "a house"}},
        {"prompt": "a house"},
        "Latent Loom",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_each_is_read_as_its_picture_would_be(name: str) -> None:
    content, settings, tool = FILES[name]
    text = content if isinstance(content, str) else json.dumps(content)
    found = read(text.encode())
    assert found.tool == tool
    assert {key: found.settings.get(key) for key in settings} == settings


@pytest.mark.parametrize("text", ["{}", '{"a": 1}', '{"nodes": 1}'])
def test_json_without_settings_is_said(text: str) -> None:
    with pytest.raises(BadInput, match="no settings"):
        texts_in(text.encode())


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xd8\xff", b"GIF89a\x01\0", b"a\0", b"", b"{"),
        *(b"a house\na boat\n", b"[1]", b"Steps: many", b"no picture"),
    ],
)
def test_what_is_none_is_left_to_others(data: bytes) -> None:
    assert texts_in(data) is None
