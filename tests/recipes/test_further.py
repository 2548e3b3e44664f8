"""Twenty further records, after public descriptions of what tools write and readers stumble on.

Each says what its settings are, and what they must not hold; right is all of it.
"""

from __future__ import annotations

import io
import json
from typing import Any, NamedTuple

import pytest
from PIL import Image, PngImagePlugin

from backend.contracts.settings import parse
from backend.recipes.metadata import read


class Input(NamedTuple):
    """Texts of a PNG, and what they mean."""

    texts: dict[str, Any]
    settings: dict[str, Any]
    tool: str = "A1111"


def graph(**nodes: dict[str, Any]) -> dict[str, Any]:
    """A ComfyUI graph of kinds and inputs."""
    return {name: {"class_type": n.pop("kind"), "inputs": n} for name, n in nodes.items()}


def comfy(sampler: dict[str, Any], **nodes: dict[str, Any]) -> dict[str, Any]:
    common = {
        "m": {"kind": "CheckpointLoaderSimple", "ckpt_name": "a.safetensors"},
        "p": {"kind": "CLIPTextEncode", "text": "a house"},
        "n": {"kind": "CLIPTextEncode", "text": "fog"},
        "l": {"kind": "EmptySD3LatentImage", "width": 512, "height": 256},
    }
    links = {"model": ["m", 0], "positive": ["p", 0], "negative": ["n", 0]}
    links["latent_image"] = ["l", 0]
    inputs = {key: value for key, value in (links | sampler).items() if value is not None}
    return graph(**common | {"s": inputs} | nodes)


LINE = "Steps: 8, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 256x256"
HOUSE = {"prompt": "a house", "negative_prompt": "fog"}
BASIC = HOUSE | {"steps": 8, "seed": 42, "guidance_scale": 7.0, "width": 256, "height": 256}
EULER_A = {"sampler": "euler_a", "schedule": "model"}
SAMPLED = {"prompt": "a house", "negative_prompt": "fog", "steps": 8, "seed": 42}

INPUTS: dict[str, Input] = {
    "prompts without a line of parameters": Input(
        {"parameters": "a house\nNegative prompt: fog, (rain:1.2)"},
        {"prompt": "a house", "negative_prompt": "fog, (rain:1.2)"},
    ),
    "no negative prompt": Input(
        {"parameters": f"a house\n{LINE}"}, {"prompt": "a house", "negative_prompt": ""} | EULER_A
    ),
    "no prompt at all": Input(
        {"parameters": f"Negative prompt: fog\n{LINE}"}, {"prompt": "", "negative_prompt": "fog"}
    ),
    "InvokeAI 2: sd-metadata": Input(
        {"sd-metadata": {"model": "stable diffusion", "model_weights": "sd-1.5", "app_version":
         "2.3.5", "image": {"prompt": [{"prompt": "a house [fog]", "weight": 1}], "steps": 8,
                            "cfg_scale": 7, "width": 256, "height": 256, "seed": 42,
                            "sampler": "k_euler_a"}}},
        BASIC | EULER_A | {"model": "sd-1.5"},
        "InvokeAI",
    ),
    "InvokeAI 1: a command": Input(
        {"Dream": '"a house [fog]" -s 8 -S 42 -W 256 -H 256 -C 7.0 -A k_euler_a'},
        BASIC | EULER_A,
        "InvokeAI",
    ),
    "InvokeAI 5: SDXL": Input(
        {"invokeai_metadata": {"generation_mode": "sdxl_txt2img", "positive_prompt": "a house",
         "negative_prompt": "fog", "width": 832, "height": 1216, "seed": 42, "cfg_scale": 7.0,
         "steps": 8, "scheduler": "dpmpp_2m_k", "seamless_x": False, "positive_style_prompt": "x",
         "model": {"key": "9f58", "hash": "blake3:6a22", "name": "dream", "base": "sdxl"},
         "vae": {"name": "soft"}, "regions": [], "app_version": "5.4.3"}},
        SAMPLED | {"model": "dream", "sampler": "dpmpp_2m", "schedule": "karras", "vae": "soft"},
        "InvokeAI",
    ),
    "NovelAI 4: captions": Input(
        {"Software": "NovelAI", "Description": "", "Comment": {
            "steps": 8, "seed": 42, "scale": 7.0, "width": 256, "height": 256, "sampler":
            "k_dpmpp_2m", "noise_schedule": "karras", "uc": "fog",
            "v4_prompt": {"caption": {"base_caption": "a house", "char_captions":
                          [{"char_caption": "a girl", "centers": []}]}, "use_order": True},
            "v4_negative_prompt": {"caption": {"base_caption": "fog", "char_captions": []}}}},
        BASIC | {"prompt": "a house, a girl", "sampler": "dpmpp_2m", "schedule": "karras"},
        "NovelAI",
    ),
    "ComfyUI: two samplers by steps": Input(
        {"prompt": comfy({"kind": "KSamplerAdvanced", "noise_seed": 42, "steps": 8, "cfg": 7,
                          "sampler_name": "dpmpp_2m", "scheduler": "karras",
                          "start_at_step": 0, "end_at_step": 6}),
         "workflow": {"nodes": []}},
        SAMPLED | {"sampler": "dpmpp_2m", "schedule": "karras", "width": 512, "height": 256},
        "ComfyUI",
    ),
    "ComfyUI: NaN in its JSON": Input(
        {"prompt": json.dumps(comfy({"kind": "KSampler", "seed": 42, "steps": 8, "cfg": 7,
                                     "sampler_name": "euler", "scheduler": "karras"})
                              | {"x": {"class_type": "A", "inputs": {},
                                       "is_changed": [float("nan")]}})},
        SAMPLED | {"model": "a"},
        "ComfyUI",
    ),
    "ComfyUI: words put together": Input(
        {"prompt": comfy({"kind": "KSampler", "seed": 42, "steps": 8, "cfg": 7, "sampler_name":
                          "euler", "scheduler": "karras"},
                         p={"kind": "CLIPTextEncode", "text": ["j", 0]},
                         j={"kind": "StringConcatenate", "string_a": "a", "string_b": "house",
                            "delimiter": " "})},
        SAMPLED,
        "ComfyUI",
    ),
    "ComfyUI: the text of a saver beside the graph": Input(
        {"parameters": f"a house\nNegative prompt: fog\n{LINE}, Version: ComfyUI",
         "prompt": comfy({"kind": "KSampler", "seed": 1, "steps": 1})},
        BASIC | EULER_A,
        "ComfyUI",
    ),
    "ComfyUI: LoRAs of a loader of several": Input(
        {"prompt": comfy({"kind": "KSampler", "seed": 42, "steps": 8, "cfg": 7, "sampler_name":
                          "euler", "scheduler": "karras", "model": ["k", 0]},
                         k={"kind": "Power Lora Loader (rgthree)", "model": ["m", 0],
                            "lora_1": {"on": True, "lora": "ink.safetensors", "strength": 0.5},
                            "lora_2": {"on": False, "lora": "oil.safetensors", "strength": 1}})},
        SAMPLED | {"loras": [{"name": "ink", "weight": 0.5}]},
        "ComfyUI",
    ),
    "Civitai: resources of a saver, by their address": Input(
        {"parameters": f"a house\nNegative prompt: fog\n{LINE}, Civitai resources: " + json.dumps([
            {"modelName": "Dream", "versionName": "v8",
             "air": "urn:air:sdxl:checkpoint:civitai:1@2"},
            {"modelName": "Ink", "versionName": "1", "weight": 0.7,
             "air": "urn:air:sdxl:lora:civitai:3@4"}])},
        BASIC | {"model": "Dream", "loras": [{"name": "Ink", "weight": 0.7}]},
        "Civitai",
    ),
    "a JSON line behind the parameters": Input(
        {"parameters": f"a house\nNegative prompt: fog\n{LINE}\n"
                       'extraJsonMetaInfo: {"a": [1, 2]}'},
        BASIC,
    ),
    "Tensor.Art": Input(
        {"generation_data": json.dumps({
            "prompt": "a house", "negativePrompt": "fog", "steps": 8, "seed": "42", "cfgScale": 7,
            "width": 256, "height": 256, "samplerName": "Euler a", "clipSkip": 2,
            "baseModel": {"label": "Dream", "modelFileName": "dream_v8"},
            "models": [{"type": "LORA", "label": "Ink", "modelFileName": "ink_v1", "weight": 0.8}],
        }) + "\0"},
        BASIC | EULER_A | {"model": "dream_v8", "clip_skip": 2,
                           "loras": [{"name": "ink_v1", "weight": 0.8}]},
        "Tensor.Art",
    ),
    "Easy Diffusion: a chunk for each field": Input(
        {"prompt": "a house", "negative_prompt": "fog", "seed": "42", "num_inference_steps": "8",
         "guidance_scale": "7.0", "width": "256", "height": "256", "sampler_name":
         "euler_a", "use_stable_diffusion_model": "sd-v1-5", "use_vae_model": "soft"},
        BASIC | EULER_A | {"model": "sd-v1-5", "vae": "soft"},
        "Easy Diffusion",
    ),
    "stable-diffusion.cpp": Input(
        {"parameters": "a house\nNegative prompt: fog\nSteps: 8, CFG scale: 7.000000, Guidance: "
         "3.500000, Eta: 0.000000, Seed: 42, Size: 256x256, Model: dream.safetensors, RNG: cuda, "
         "Sampler: euler_a, Version: stable-diffusion.cpp"},
        BASIC | EULER_A | {"model": "dream"},
    ),
    "Fooocus in A1111's words": Input(
        {"parameters": "a house\nNegative prompt: fog\nSteps: 8, Sampler: DPM++ 2M SDE Karras, "
         "Seed: 42, Size: 256x256, CFG scale: 7, Sharpness: 2, ADM Guidance: \"(1.5, 0.8, 0.3)\", "
         "Model: juggernaut, Model hash: d91d35736d, Performance: Speed, Scheduler: karras, "
         "Styles: \"['Fooocus V2']\", Lora hashes: \"ink: 4852686128\", Lora 1: \"ink : 0.5\", "
         "Version: Fooocus v2.5.5", "fooocus_scheme": "a1111"},
        BASIC | {"model": "juggernaut", "sampler": "dpmpp_2m_sde", "schedule": "karras",
                 "loras": [{"name": "ink", "weight": 0.5}]},
        "Fooocus",
    ),
    "SwarmUI with an autoencoder and text weights": Input(
        {"parameters": {"sui_image_params": {
            "prompt": "a house", "negativeprompt": "fog", "model": "dream.safetensors", "seed": 42,
            "steps": 8, "cfgscale": 7.0, "width": 256, "height": 256, "sampler": "dpmpp_2m",
            "scheduler": "karras", "vae": "soft", "loras": ["ink"], "loraweights": ["0.6"],
            "swarm_version": "0.9.6"}, "sui_extra_data": {"date": "2025"}}},
        BASIC | {"model": "dream", "sampler": "dpmpp_2m", "schedule": "karras", "vae": "soft",
                 "loras": [{"name": "ink", "weight": 0.6}]},
        "SwarmUI",
    ),
    "a record of an enlarged picture": Input(
        {"parameters": f"a house\nNegative prompt: fog\n{LINE}\n\nPostprocess upscale by: 4, "
         "Postprocess upscaler: R-ESRGAN 4x+, Size-1: 1024"},
        BASIC | EULER_A,
    ),
}  # fmt: skip


def png(texts: dict[str, Any]) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value if isinstance(value, str) else json.dumps(value))
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "png", pnginfo=info)
    return stream.getvalue()


def wrong(one: Input) -> dict[str, tuple[Any, Any]]:
    """What is not as it should be: found, and wanted."""
    found = read(png(one.texts))
    parse(found.mode, found.settings)
    told = {key: (found.settings.get(key), value) for key, value in one.settings.items()}
    told["tool"] = (found.tool, one.tool)
    return {key: pair for key, pair in told.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("name", INPUTS)
def test_each_is_read_right(name: str) -> None:
    assert wrong(INPUTS[name]) == {}


def test_there_are_twenty() -> None:
    assert len(INPUTS) == 20
