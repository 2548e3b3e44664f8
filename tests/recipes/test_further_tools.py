"""Further records, after public descriptions, of kinds that `test_further` does not hold.

Each says what its settings are, what is kept unread, and which hashes it gives.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from backend.contracts.settings import parse
from backend.recipes.metadata import ReadRecord, read
from tests.recipes.test_further import BASIC, EULER_A, LINE, SAMPLED, comfy, graph, png

KSAMPLER = {"kind": "KSampler", "seed": 42, "steps": 8, "cfg": 7, "sampler_name": "euler",
            "scheduler": "karras", "denoise": 1.0}  # fmt: skip
EULER_KARRAS = {"sampler": "euler", "schedule": "karras"}
FULL = BASIC | EULER_A


class Input(NamedTuple):
    """Texts of a PNG, and what they mean."""

    texts: dict[str, Any]
    settings: dict[str, Any]
    tool: str = "A1111"
    kept: tuple[str, ...] = ()  # unread, and named
    silent: tuple[str, ...] = ()  # words that no sentence holds: there is nothing to tell
    facts: dict[str, Any] = {}  # noqa: RUF012


INPUTS: dict[str, Input] = {
    "Forge: Flux with modules": Input(
        {"parameters": "a house\nSteps: 8, Sampler: Euler, Schedule type: Simple, CFG scale: 1, "
         "Distilled CFG Scale: 3.5, Seed: 42, Size: 256x256, Model hash: c161224931, Model: "
         "flux1-dev-bnb-nf4, Diffusion in Low Bits: Automatic (fp16 LoRA), Module 1: ae, "
         "Module 2: clip_l, Module 3: t5xxl_fp16, Version: f2.0.1v1.10.1-previous-659-gc055f2d4"},
        {"prompt": "a house", "sampler": "euler", "guidance_scale": 1.0, "distilled_guidance": 3.5,
         "model": "flux1-dev-bnb-nf4"},
        "Forge",
        ("Module 1", "Diffusion in Low Bits"),
    ),
    "A1111: a picture made from another": Input(
        {"parameters": f"a house\nNegative prompt: fog\n{LINE}, Denoising strength: 0.6, "
         "Init image hash: 1a2b, Mask blur: 4, Inpaint area: Only masked"},
        FULL,
        kept=("Denoising strength", "Mask blur", "Inpaint area"),
    ),
    "A1111: units of ControlNet, each a text of its own": Input(
        {"parameters": f"a house\nNegative prompt: fog\n{LINE}, ControlNet 0: \"Module: canny, "
         "Model: control_v11p_sd15_canny [d14c016b], Weight: 1, Resize Mode: Crop and Resize, "
         "Low Vram: False, Guidance Start: 0, Guidance End: 1\", Version: v1.10.1"},
        FULL,
        kept=("ControlNet 0",),
    ),
    "A1111: refiner, hypernetwork, token merging": Input(
        {"parameters": f"a house\nNegative prompt: fog\n{LINE}, Model hash: 31e35c80fc, Model: "
         "sd_xl_base_1.0, Refiner: sd_xl_refiner_1.0 [7440042bbd], Refiner switch at: 0.8, "
         "Hypernet: ink, Hypernet hash: abcd, Token merging ratio: 0.5, Version: v1.6.0"},
        FULL | {"model": "sd_xl_base_1.0"},
        kept=("Refiner", "Hypernet", "Token merging ratio"),
    ),
    "A1111: hashes of embeddings and an autoencoder": Input(
        {"parameters": f"a house, soft\nNegative prompt: fog\n{LINE}, VAE hash: 735e4c3a44, VAE: "
         'vae-ft-mse.safetensors, TI hashes: "soft: 66a7279a88dd, soft: 66a7279a88dd", '
         'Lora hashes: "ink: e3b0c44298fc"'},
        FULL | {"prompt": "a house, soft", "vae": "vae-ft-mse"},
        facts={"embeddings": {"soft": "66a7279a88dd"}, "lora_hashes": {"ink": "e3b0c44298fc"},
               "vae_hash": "735e4c3a44"},
    ),
    "A1111 of 2022: a short hash, its schedule in the sampler's name": Input(
        {"parameters": "a house\nNegative prompt: fog\nSteps: 8, Sampler: DPM++ 2M Karras, CFG "
         "scale: 7, Seed: 42, Face restoration: CodeFormer, Size: 256x256, Model hash: 7460a6fa, "
         "Batch size: 4, Batch pos: 2, First pass size: 0x0"},
        BASIC | {"sampler": "dpmpp_2m", "schedule": "karras"},
        kept=("Face restoration",),
    ),
    "A1111: negative prompt of several lines, windows' line ends": Input(
        {"parameters": f"a house\r\nNegative prompt: fog,\r\nrain\r\n{LINE}"},
        FULL | {"negative_prompt": "fog,\nrain"},
    ),
    "SD.Next: sampler left at its default": Input(
        {"parameters": "a house\nNegative prompt: fog\nSteps: 8, Size: 256x256, Seed: 42, CFG "
         "scale: 7, App: SD.Next, Version: 2efc234, Pipeline: StableDiffusionXLPipeline, "
         "Operations: txt2img, Sampler: Default, Model: dream, Model hash: 1f69731261"},
        BASIC | {"model": "dream"},
        "SD.Next",
        silent=("Default",),
    ),
    "SD.Next: Euler a with its scheduler's options": Input(
        {"parameters": "a house\nNegative prompt: fog\nSteps: 8, Size: 256x256, Sampler: Euler a, "
         "Seed: 42, CFG scale: 7, Sampler options: sigma karras/low order, App: SD.Next, "
         "LoRA networks: ink:0.8, Version: 2efc234, Model: dream"},
        FULL | {"model": "dream"},
        "SD.Next",
        ("Sampler options",),
    ),
    "Civitai's generator: resources by their versions alone": Input(
        {"parameters": "a house\nNegative prompt: fog\nSteps: 8, Sampler: Euler a, CFG scale: 7, "
         "Seed: 42, Size: 256x256, Clip skip: 2, Created Date: 2024-05-01T10:11:12.0000000Z, "
         'Civitai resources: [{"type":"checkpoint","modelVersionId":128713,"modelName":'
         '"DreamShaper","modelVersionName":"8"},{"type":"embed","modelVersionId":5637,"modelName":'
         '"EasyNegative"},{"modelVersionId":99}], Civitai metadata: {}'},
        FULL | {"clip_skip": 2, "model": "DreamShaper"},
        "Civitai",
        ("Civitai embed", "Civitai resource"),
    ),
    "Civitai's ComfyUI: what was asked for beside the graph": Input(
        {"parameters": json.dumps({
            "resource-stack": {"class_type": "CheckpointLoaderSimple", "inputs": {
                "ckpt_name": "urn:air:sdxl:checkpoint:civitai:101055@128078"}},
            "extra": {"airs": []},
            "extraMetadata": json.dumps({"prompt": "a house", "negativePrompt": "fog", "steps": 8,
                "cfgScale": 7, "sampler": "euler_ancestral", "seed": 42, "width": 256,
                "height": 256, "workflowId": "txt2img", "resources": [
                    {"modelVersionId": 128078, "strength": 1},
                    {"modelVersionId": 7, "strength": 0.8}]})})},
        FULL,
        "Civitai",
    ),
    "ComfyUI: Flux, in nodes of their own": Input(
        {"prompt": graph(
            g={"kind": "BasicGuider", "model": ["u", 0], "conditioning": ["f", 0]},
            f={"kind": "FluxGuidance", "guidance": 3.5, "conditioning": ["p", 0]},
            p={"kind": "CLIPTextEncode", "text": "a house", "clip": ["c", 0]},
            c={"kind": "DualCLIPLoader", "clip_name1": "t5xxl_fp16.safetensors",
               "clip_name2": "clip_l.safetensors", "type": "flux"},
            u={"kind": "UNETLoader", "unet_name": "flux1-dev.safetensors",
               "weight_dtype": "default"},
            n={"kind": "RandomNoise", "noise_seed": 42},
            k={"kind": "KSamplerSelect", "sampler_name": "euler"},
            b={"kind": "BasicScheduler", "model": ["u", 0], "scheduler": "karras", "steps": 8,
               "denoise": 1.0},
            e={"kind": "EmptySD3LatentImage", "width": 512, "height": 256, "batch_size": 1},
            s={"kind": "SamplerCustomAdvanced", "noise": ["n", 0], "guider": ["g", 0],
               "sampler": ["k", 0], "sigmas": ["b", 0], "latent_image": ["e", 0]},
            v={"kind": "VAEDecode", "samples": ["s", 0], "vae": ["a", 0]},
            a={"kind": "VAELoader", "vae_name": "ae.safetensors"},
        )},
        {"prompt": "a house", "steps": 8, "seed": 42, "sampler": "euler", "schedule": "karras",
         "width": 512, "height": 256, "model": "flux1-dev", "distilled_guidance": 3.5,
         "vae": "ae", "negative_prompt": None},
        "ComfyUI",
    ),
    "ComfyUI: a guider with a negative prompt": Input(
        {"prompt": comfy({"kind": "SamplerCustomAdvanced", "noise": ["r", 0], "guider": ["g", 0],
                          "sampler": ["k", 0], "sigmas": ["b", 0], "model": None,
                          "positive": None, "negative": None},
                         g={"kind": "CFGGuider", "cfg": 7, "model": ["m", 0],
                            "positive": ["p", 0], "negative": ["n", 0]},
                         r={"kind": "RandomNoise", "noise_seed": 42},
                         k={"kind": "KSamplerSelect", "sampler_name": "euler"},
                         b={"kind": "BasicScheduler", "scheduler": "karras", "steps": 8})},
        SAMPLED | EULER_KARRAS | {"guidance_scale": 7.0, "model": "a"},
        "ComfyUI",
    ),
    "ComfyUI: a zeroed negative prompt is none": Input(
        {"prompt": comfy(KSAMPLER | {"negative": ["z", 0]},
                         z={"kind": "ConditioningZeroOut", "conditioning": ["p", 0]})},
        SAMPLED | {"negative_prompt": None},
        "ComfyUI",
    ),
    "ComfyUI: both prompts go through a ControlNet": Input(
        {"prompt": comfy(KSAMPLER | {"positive": ["x", 0], "negative": ["x", 1]},
                         x={"kind": "ControlNetApplyAdvanced", "positive": ["p", 0],
                            "negative": ["n", 0], "strength": 0.8, "control_net": ["y", 0]},
                         y={"kind": "ControlNetLoader", "control_net_name": "canny.safetensors"})},
        SAMPLED,
        "ComfyUI",
    ),
    "ComfyUI: SDXL's encoders and its skipped layer": Input(
        {"prompt": comfy(KSAMPLER | {"positive": ["q", 0]},
                         q={"kind": "CLIPTextEncodeSDXL", "text_g": "a house", "text_l": "a house",
                            "width": 1024, "height": 1024, "clip": ["h", 0]},
                         h={"kind": "CLIPSetLastLayer", "stop_at_clip_layer": -2,
                            "clip": ["m", 1]})},
        SAMPLED | {"clip_skip": 2, "width": 512},
        "ComfyUI",
    ),
    "ComfyUI: an efficient loader": Input(
        {"prompt": graph(
            e={"kind": "Efficient Loader", "ckpt_name": "a.safetensors", "vae_name": "Baked VAE",
               "clip_skip": -2, "lora_name": "ink.safetensors", "lora_model_strength": 0.7,
               "lora_clip_strength": 0.7, "positive": "a house", "negative": "fog",
               "empty_latent_width": 512, "empty_latent_height": 256, "batch_size": 1},
            s={"kind": "KSampler (Efficient)", "seed": 42, "steps": 8, "cfg": 7,
               "sampler_name": "euler", "scheduler": "karras", "denoise": 1, "model": ["e", 0],
               "positive": ["e", 1], "negative": ["e", 2], "latent_image": ["e", 3]},
        )},
        SAMPLED | EULER_KARRAS | {"model": "a", "width": 512, "height": 256, "clip_skip": 2,
                                  "loras": [{"name": "ink", "weight": 0.7}]},
        "ComfyUI",
    ),
    "ComfyUI: easy nodes and their pipe": Input(
        {"prompt": graph(
            e={"kind": "easy fullLoader", "ckpt_name": "a.safetensors", "vae_name": "Baked VAE",
               "clip_skip": -1, "lora_name": "None", "lora_model_strength": 1, "positive":
               "a house", "negative": "fog", "empty_latent_width": 512,
               "empty_latent_height": 256},
            w={"kind": "easy preSampling", "steps": 8, "cfg": 7, "sampler_name": "euler",
               "scheduler": "karras", "denoise": 1, "seed": 42, "pipe": ["e", 0]},
            s={"kind": "easy kSampler", "pipe": ["w", 0], "image_output": "Preview"},
        )},
        SAMPLED | EULER_KARRAS | {"model": "a", "width": 512, "height": 256, "loras": None},
        "ComfyUI",
    ),
    "ComfyUI: a stack of LoRAs": Input(
        {"prompt": comfy(KSAMPLER | {"model": ["k", 0]},
                         k={"kind": "Lora Loader Stack (rgthree)", "model": ["m", 0],
                            "lora_01": "ink.safetensors", "strength_01": 0.5, "lora_02": "None",
                            "strength_02": 1, "lora_03": "char\\oil.safetensors",
                            "strength_03": -0.25})},
        SAMPLED | {"loras": [{"name": "ink", "weight": 0.5}, {"name": "char/oil",
                                                               "weight": -0.25}]},
        "ComfyUI",
    ),
    "ComfyUI: an older graph of a loader with its config": Input(
        {"prompt": {"3": {"inputs": {"seed": 42, "steps": 8, "cfg": 7.0, "sampler_name":
         "dpmpp_2m", "scheduler": "normal", "denoise": 1.0, "model": ["4", 0],
         "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["14", 0]},
         "class_type": "KSampler"},
         "4": {"inputs": {"config_name": "v1-inference.yaml", "ckpt_name": "model.ckpt"},
               "class_type": "CheckpointLoader"},
         "6": {"inputs": {"text": "a house", "clip": ["4", 1]}, "class_type": "CLIPTextEncode"},
         "7": {"inputs": {"text": "fog", "clip": ["4", 1]}, "class_type": "CLIPTextEncode"},
         "14": {"inputs": {"width": 512, "height": 256, "batch_size": 1},
                "class_type": "EmptyLatentImage"}}},
        SAMPLED | {"model": "model", "width": 512, "sampler": "dpmpp_2m"},
        "ComfyUI",
    ),
    "ComfyUI: the workflow alone": Input(
        {"workflow": {"last_node_id": 9, "nodes": [
            {"id": 3, "type": "KSampler", "mode": 0, "widgets_values": [
                42, "randomize", 8, 7, "euler", "karras", 1],
             "inputs": [{"name": "model", "link": 1}, {"name": "positive", "link": 4},
                        {"name": "negative", "link": 6}, {"name": "latent_image", "link": 2}]},
            {"id": 4, "type": "CheckpointLoaderSimple", "mode": 0,
             "widgets_values": ["a.safetensors"], "outputs": [{"name": "MODEL"}]},
            {"id": 5, "type": "EmptyLatentImage", "mode": 0, "widgets_values": [512, 256, 1]},
            {"id": 6, "type": "CLIPTextEncode", "mode": 0, "widgets_values": ["a house"]},
            {"id": 7, "type": "CLIPTextEncode", "mode": 0, "widgets_values": ["fog"]}],
         "links": [[1, 4, 0, 3, 0, "MODEL"], [4, 6, 0, 3, 1, "CONDITIONING"],
                   [6, 7, 0, 3, 2, "CONDITIONING"], [2, 5, 0, 3, 3, "LATENT"]]}},
        SAMPLED | EULER_KARRAS | {"model": "a", "width": 512, "height": 256},
        "ComfyUI",
        ("workflow",),
    ),
    "InvokeAI 3: models in the older words, a style prompt": Input(
        {"invokeai_metadata": {"app_version": "3.1.1", "generation_mode": "sdxl_txt2img",
         "positive_prompt": "a house", "negative_prompt": "fog", "width": 1024, "height": 1024,
         "seed": 42, "rand_device": "cpu", "cfg_scale": 7.5, "steps": 8, "scheduler": "ddpm",
         "clip_skip": 0, "model": {"model_name": "dreamshaperXL10", "base_model": "sdxl",
                                    "model_type": "main"},
         "controlnets": [], "loras": [{"lora": {"model_name": "ink", "base_model": "sdxl"},
                                         "weight": 0.75}],
         "positive_style_prompt": "comic", "negative_style_prompt": "plain"}},
        SAMPLED | {"model": "dreamshaperXL10", "guidance_scale": 7.5,
                   "loras": [{"name": "ink", "weight": 0.75}]},
        "InvokeAI",
        ("positive_style_prompt",),
        ("controlnets", "rand_device"),
    ),
    "InvokeAI 5: Flux": Input(
        {"invokeai_metadata": {"generation_mode": "flux_txt2img", "positive_prompt": "a house",
         "width": 512, "height": 512, "seed": 42, "steps": 8, "guidance": 3.5, "cfg_scale": 1,
         "scheduler": "euler", "model": {"key": "k", "hash": "blake3:6a", "name": "FLUX Dev",
         "base": "flux", "type": "main"}, "vae": {"name": "FLUX.1-schnell_ae"},
         "t5_encoder": {"name": "t5_bnb"}, "app_version": "5.0.0", "dype_preset": None}},
        {"prompt": "a house", "seed": 42, "steps": 8, "guidance_scale": 1.0,
         "distilled_guidance": 3.5, "vae": "FLUX.1-schnell_ae", "model": "FLUX Dev"},
        "InvokeAI",
    ),
    "InvokeAI: seamless both ways": Input(
        {"invokeai_metadata": {"positive_prompt": "a house", "negative_prompt": "fog", "seed": 42,
         "steps": 8, "cfg_scale": 7.0, "scheduler": "euler", "seamless_x": True,
         "seamless_y": True}},
        SAMPLED | {"tiling": "both"},
        "InvokeAI",
    ),
    "Fooocus: all its fields, and hashes": Input(
        {"fooocus_scheme": "fooocus", "parameters": {
            "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8", "base_model_hash":
            "aeb7e9e689", "clip_skip": 2, "full_negative_prompt": ["fog"], "full_prompt":
            ["a house", "cinematic"], "guidance_scale": 4, "loras":
            [["sd_xl_offset", 0.1, "4852686128"]], "metadata_scheme": "fooocus",
            "negative_prompt": "fog", "performance": "Speed", "prompt": "a house",
            "prompt_expansion": "", "refiner_model": "None", "refiner_switch": 0.5,
            "resolution": "(896, 1152)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras",
            "seed": "42", "sharpness": 2, "steps": 8, "styles": "['Fooocus V2']", "vae":
            "Default (model)", "version": "Fooocus v2.5.5"}},
        SAMPLED | {"model": "juggernautXL_v8", "width": 896, "height": 1152, "vae": None,
                   "loras": [{"name": "sd_xl_offset", "weight": 0.1}]},
        "Fooocus",
        ("sharpness", "styles", "performance"),
        ("refiner_model", "vae"),
        {"lora_hashes": {"sd_xl_offset": "4852686128"}},
    ),
    "RuinedFooocus": Input(
        {"parameters": {"Prompt": "a house", "Negative": "fog", "steps": 8, "cfg": 7, "width": 256,
         "height": 256, "seed": 42, "sampler_name": "euler_ancestral", "scheduler": "karras",
         "base_model_name": "dream.safetensors", "base_model_hash": "d91d35736d", "loras":
         [["4852686128", "0.5 - ink.safetensors"]], "start_step": 0, "denoise": None, "clip_skip":
         1, "software": "RuinedFooocus"}},
        BASIC | {"model": "dream", "sampler": "euler_a",
                 "loras": [{"name": "ink", "weight": 0.5}]},
        "RuinedFooocus",
        facts={"lora_hashes": {"ink": "4852686128"}},
    ),
    "SwarmUI: hashes of its models, a variation": Input(
        {"parameters": {"sui_image_params": {"prompt": "a house", "negativeprompt": "fog",
         "model": "SDXL/dream.safetensors", "images": 6, "seed": 42, "steps": 8, "cfgscale": 7.0,
         "width": 256, "height": 256, "sampler": "euler_ancestral", "variationseed": 5,
         "variationseedstrength": 0.25, "clipstopatlayer": -2, "loras": ["ink"], "loraweights":
         ["0.6"], "automaticvae": True, "date": "2023-12-01", "generation_time": "6.49 (gen)",
         "swarm_version": "0.5.9.0"},
         "sui_models": [{"name": "SDXL/dream.safetensors", "param": "model",
                         "hash": "0x1f69731261"},
                        {"name": "ink.safetensors", "param": "loras", "hash": "0x4852686128"}]}},
        FULL | {"model": "SDXL/dream", "clip_skip": 2, "variation_seed": 5,
                "variation_strength": 0.25, "loras": [{"name": "ink", "weight": 0.6}]},
        "SwarmUI",
        facts={"lora_hashes": {"ink": "0x4852686128"}},
    ),
    "NovelAI 3: what is switched off is not told": Input(
        {"Software": "NovelAI", "Title": "NovelAI generated image", "Source":
         "NovelAI Diffusion V3 C1CCBA86", "Description": "{a house}", "Comment": {
            "prompt": "{a house}", "steps": 8, "height": 256, "width": 256, "scale": 5.0,
            "uncond_scale": 1.0, "cfg_rescale": 0.2, "seed": 42, "n_samples": 1,
            "hide_debug_overlay": False, "noise_schedule": "native", "sampler":
            "k_euler_ancestral", "controlnet_strength": 1.0, "controlnet_model": None,
            "dynamic_thresholding": False, "sm": False, "sm_dyn": False, "uc": "fog",
            "reference_strength_multiple": [], "lora_unet_weights": None,
            "request_type": "PromptGenerateRequest", "signed_hash": "x=="}},
        BASIC | {"prompt": "{a house}", "guidance_scale": 5.0, "guidance_rescale": 0.2,
                 "sampler": "euler_a"},
        "NovelAI",
        silent=("hide_debug_overlay", "'sm", "dynamic_thresholding"),
    ),
    "Draw Things: its settings of the second kind": Input(
        {"parameters": {"c": "a house", "uc": "fog", "model": "sd_xl_base_1.0_f16.ckpt",
         "sampler": "DPM++ 2M Karras", "scale": 7, "seed": 42, "seed_mode": "Scale Alike", "size":
         "256x256", "steps": 8, "strength": 1, "lora": [{"model": "ink_lora_f16.ckpt", "weight":
         0.6}], "v2": {"clipSkip": 2, "hiresFix": False}}},
        BASIC | {"model": "sd_xl_base_1.0_f16", "sampler": "dpmpp_2m", "schedule": "karras",
                 "loras": [{"name": "ink_lora_f16", "weight": 0.6}]},
        "Draw Things",
        ("seed_mode",),
    ),
    "Draw Things: samplers by their own names": Input(
        {"parameters": {"c": "a house", "uc": "fog", "model": "x.ckpt", "sampler":
         "Euler A Trailing", "scale": 7, "seed": 42, "size": "256x256", "steps": 8}},
        BASIC | {"sampler": "euler_a"},
        "Draw Things",
    ),
    "Easy Diffusion: 'None' is none": Input(
        {"prompt": "a house", "negative_prompt": "fog", "seed": "42", "num_inference_steps": "8",
         "guidance_scale": "7.0", "width": "256", "height": "256", "sampler_name": "euler_a",
         "use_stable_diffusion_model": "sd-v1-5", "use_vae_model": "None", "use_lora_model":
         "None", "lora_alpha": "None", "clip_skip": "False", "use_face_correction": "None"},
        FULL | {"model": "sd-v1-5", "vae": None, "loras": None, "clip_skip": None},
        "Easy Diffusion",
        silent=("None",),
    ),
    "Easy Diffusion: several LoRAs": Input(
        {"prompt": "a house", "negative_prompt": "fog", "seed": "42", "num_inference_steps": "8",
         "guidance_scale": "7.0", "width": "256", "height": "256", "sampler_name": "euler_a",
         "use_stable_diffusion_model": "sd-v1-5", "use_lora_model": '["ink", "oil"]',
         "lora_alpha": "[0.5, 0.25]"},
        FULL | {"loras": [{"name": "ink", "weight": 0.5}, {"name": "oil", "weight": 0.25}]},
        "Easy Diffusion",
    ),
    "A picture of Midjourney": Input(
        {"Description": "a house --ar 1:1 --v 6.1 Job ID: 6a7c7c0f-3c46-4a3e-9a39-0e3c5f8a1b2c",
         "Author": "somebody"},
        {"prompt": "a house"},
        "Midjourney",
        ("ar", "v"),
    ),
    "kohya's sample: a chunk for each field": Input(
        {"prompt": "a house", "negative-prompt": "fog", "seed": "42", "steps": "8", "scale": "7.0",
         "sampler": "euler_a", "original-height": "1024"},
        SAMPLED | EULER_A | {"guidance_scale": 7.0},
        "kohya's scripts",
    ),
}  # fmt: skip


def wrong(one: Input) -> dict[str, tuple[Any, Any]]:
    """What is not as it should be: found, and wanted."""
    found: ReadRecord = read(png(one.texts))
    parse(found.mode, found.settings)
    told = {key: (found.settings.get(key), value) for key, value in one.settings.items()}
    told["tool"] = (found.tool, one.tool)
    unread = found.extra.get("unread", {})
    said = " ".join(found.notes)
    told |= {f"kept {key}": (key in unread, True) for key in one.kept}
    told |= {f"said {word}": (word in said, False) for word in one.silent}
    told |= {fact: (found.extra.get(fact), value) for fact, value in one.facts.items()}
    return {key: pair for key, pair in told.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("name", INPUTS)
def test_each_is_read_right(name: str) -> None:
    assert wrong(INPUTS[name]) == {}
