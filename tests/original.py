"""Single-file checkpoints in the original layouts, with random weights at reduced width.

The names are those of the released files, written down here from their layout and independent of
any converter: SD 1.x (`cond_stage_model.transformer`), SD 2.x (`cond_stage_model.model`, OpenCLIP).
`write_configs` writes the diffusers configs that belong to them, likewise by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

from backend.models.clip_vocabulary import PAD, clip_tokenizer

Layout = Literal["sd1", "sd2"]
Named = Iterator[tuple[str, tuple[int, ...]]]
WIDTHS = (32, 64, 64, 64)  # of the UNet; the true ones are 320, 640, 1280, 1280
VAE_WIDTHS = (32, 32, 32, 32)  # 128, 256, 512, 512
VOCABULARY = 49408
TEXT_WIDTH = 64
TEXT_LAYERS = {"sd1": 3, "sd2": 24}  # the converter knows the 24th of OpenCLIP by its number


def _affine(name: str, *shape: int) -> Named:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _resnet(name: str, before: int, after: int, time: int) -> Named:
    yield from _affine(f"{name}.in_layers.0", before)
    yield from _affine(f"{name}.in_layers.2", after, before, 3, 3)
    yield from _affine(f"{name}.emb_layers.1", after, time)
    yield from _affine(f"{name}.out_layers.0", after)
    yield from _affine(f"{name}.out_layers.3", after, after, 3, 3)
    if before != after:
        yield from _affine(f"{name}.skip_connection", after, before, 1, 1)


def _transformer(name: str, width: int, linear: bool) -> Named:
    kernel = () if linear else (1, 1)
    yield from _affine(f"{name}.norm", width)
    yield from _affine(f"{name}.proj_in", width, width, *kernel)
    block = f"{name}.transformer_blocks.0"
    for attention, context in (("attn1", width), ("attn2", TEXT_WIDTH)):
        yield f"{block}.{attention}.to_q.weight", (width, width)
        yield f"{block}.{attention}.to_k.weight", (width, context)
        yield f"{block}.{attention}.to_v.weight", (width, context)
        yield from _affine(f"{block}.{attention}.to_out.0", width, width)
    for number in (1, 2, 3):
        yield from _affine(f"{block}.norm{number}", width)
    yield from _affine(f"{block}.ff.net.0.proj", 8 * width, width)
    yield from _affine(f"{block}.ff.net.2", width, 4 * width)
    yield from _affine(f"{name}.proj_out", width, width, *kernel)


def _unet(layout: Layout, in_channels: int) -> Named:
    root, linear = "model.diffusion_model", layout == "sd2"
    first, time = WIDTHS[0], 4 * WIDTHS[0]
    yield from _affine(f"{root}.time_embed.0", time, first)
    yield from _affine(f"{root}.time_embed.2", time, time)
    yield from _affine(f"{root}.input_blocks.0.0", first, in_channels, 3, 3)
    skips, width, number = [first], first, 1
    for level, after in enumerate(WIDTHS):
        for _ in range(2):
            yield from _resnet(f"{root}.input_blocks.{number}.0", width, after, time)
            if level < 3:
                yield from _transformer(f"{root}.input_blocks.{number}.1", after, linear)
            width, number = after, number + 1
            skips.append(width)
        if level < 3:
            yield from _affine(f"{root}.input_blocks.{number}.0.op", width, width, 3, 3)
            skips.append(width)
            number += 1
    yield from _resnet(f"{root}.middle_block.0", width, width, time)
    yield from _transformer(f"{root}.middle_block.1", width, linear)
    yield from _resnet(f"{root}.middle_block.2", width, width, time)
    for number in range(12):
        level = 3 - number // 3
        after = WIDTHS[level]
        name = f"{root}.output_blocks.{number}"
        yield from _resnet(f"{name}.0", width + skips.pop(), after, time)
        if level < 3:
            yield from _transformer(f"{name}.1", after, linear)
        if number % 3 == 2 and level > 0:
            yield from _affine(f"{name}.{2 if level < 3 else 1}.conv", after, after, 3, 3)
        width = after
    yield from _affine(f"{root}.out.0", width)
    yield from _affine(f"{root}.out.2", 4, width, 3, 3)


def _vae_resnet(name: str, before: int, after: int) -> Named:
    yield from _affine(f"{name}.norm1", before)
    yield from _affine(f"{name}.conv1", after, before, 3, 3)
    yield from _affine(f"{name}.norm2", after)
    yield from _affine(f"{name}.conv2", after, after, 3, 3)
    if before != after:
        yield from _affine(f"{name}.nin_shortcut", after, before, 1, 1)


def _vae_middle(name: str, width: int) -> Named:
    yield from _vae_resnet(f"{name}.block_1", width, width)
    yield from _affine(f"{name}.attn_1.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        yield from _affine(f"{name}.attn_1.{part}", width, width, 1, 1)
    yield from _vae_resnet(f"{name}.block_2", width, width)


def _vae() -> Named:
    root, width = "first_stage_model", VAE_WIDTHS[0]
    yield from _affine(f"{root}.encoder.conv_in", width, 3, 3, 3)
    for level, after in enumerate(VAE_WIDTHS):
        for block in range(2):
            yield from _vae_resnet(f"{root}.encoder.down.{level}.block.{block}", width, after)
            width = after
        if level < 3:
            name = f"{root}.encoder.down.{level}.downsample.conv"
            yield from _affine(name, width, width, 3, 3)
    yield from _vae_middle(f"{root}.encoder.mid", width)
    yield from _affine(f"{root}.encoder.norm_out", width)
    yield from _affine(f"{root}.encoder.conv_out", 8, width, 3, 3)
    yield from _affine(f"{root}.quant_conv", 8, 8, 1, 1)
    yield from _affine(f"{root}.post_quant_conv", 4, 4, 1, 1)
    yield from _affine(f"{root}.decoder.conv_in", width, 4, 3, 3)
    yield from _vae_middle(f"{root}.decoder.mid", width)
    for level in (3, 2, 1, 0):
        after = VAE_WIDTHS[level]
        for block in range(3):
            yield from _vae_resnet(f"{root}.decoder.up.{level}.block.{block}", width, after)
            width = after
        if level > 0:
            yield from _affine(f"{root}.decoder.up.{level}.upsample.conv", width, width, 3, 3)
    yield from _affine(f"{root}.decoder.norm_out", width)
    yield from _affine(f"{root}.decoder.conv_out", 3, width, 3, 3)


def _clip() -> Named:
    root, width = "cond_stage_model.transformer.text_model", TEXT_WIDTH
    yield f"{root}.embeddings.token_embedding.weight", (VOCABULARY, width)
    yield f"{root}.embeddings.position_embedding.weight", (77, width)
    for layer in range(TEXT_LAYERS["sd1"]):
        name = f"{root}.encoder.layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _affine(f"{name}.self_attn.{part}", width, width)
        yield from _affine(f"{name}.layer_norm1", width)
        yield from _affine(f"{name}.layer_norm2", width)
        yield from _affine(f"{name}.mlp.fc1", 4 * width, width)
        yield from _affine(f"{name}.mlp.fc2", width, 4 * width)
    yield from _affine(f"{root}.final_layer_norm", width)


def _open_clip() -> Named:
    root, width = "cond_stage_model.model", TEXT_WIDTH
    yield f"{root}.positional_embedding", (77, width)
    yield f"{root}.token_embedding.weight", (VOCABULARY, width)
    yield f"{root}.text_projection", (width, width)
    yield f"{root}.logit_scale", ()
    for layer in range(TEXT_LAYERS["sd2"]):
        name = f"{root}.transformer.resblocks.{layer}"
        yield f"{name}.attn.in_proj_weight", (3 * width, width)
        yield f"{name}.attn.in_proj_bias", (3 * width,)
        yield from _affine(f"{name}.attn.out_proj", width, width)
        yield from _affine(f"{name}.ln_1", width)
        yield from _affine(f"{name}.ln_2", width)
        yield from _affine(f"{name}.mlp.c_fc", 4 * width, width)
        yield from _affine(f"{name}.mlp.c_proj", width, 4 * width)
    yield from _affine(f"{root}.ln_final", width)


def _values(name: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    noise = torch.randn(shape, generator=generator)
    if len(shape) < 2:
        return noise * 0.1 + (1.0 if name.endswith("weight") else 0.0)
    if "embedding" in name:
        return noise * 0.3
    fan_in = noise[0].numel()
    # A random decoder is nearly grey; contrast makes comparisons of pictures mean something.
    return noise * ((2.0 if "decoder.conv_out" in name else 1.0) / fan_in**0.5)


def original_checkpoint(
    path: Path, layout: Layout, *, in_channels: int = 4, seed: int = 0,
    markers: tuple[str, ...] = (), metadata: dict[str, str] | None = None,
) -> Path:
    """Writes a single file and returns its path.

    Args:
        path: The .safetensors file to make.
        layout: sd1 or sd2.
        in_channels: Of the UNet; 9 make an inpainting model.
        seed: Weights of the same seed are the same.
        markers: Empty tensors of these names, e.g. "v_pred".
        metadata: Of the header.
    """
    generator = torch.Generator().manual_seed(seed)
    text = _clip() if layout == "sd1" else _open_clip()
    tensors = {
        name: _values(name, shape, generator)
        for part in (_unet(layout, in_channels), _vae(), text) for name, shape in part
    }
    if layout == "sd1":
        key = "cond_stage_model.transformer.text_model.embeddings.position_ids"
        tensors[key] = torch.arange(77)[None]
    tensors |= {
        "betas": torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2,
        "model_ema.num_updates": torch.tensor(1),
    }
    tensors |= {marker: torch.zeros(0) for marker in markers}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"format": "pt", **(metadata or {})})
    return path


def write_configs(
    folder: Path, layout: Layout, *, in_channels: int = 4,
    scheduler: dict[str, Any] | None = None,
) -> Path:
    """Writes the diffusers folder without weights that `from_single_file(config=...)` takes."""
    second = layout == "sd2"
    clip_tokenizer(PAD[layout]).save_pretrained(folder / "tokenizer")
    configs: dict[str, dict[str, Any]] = {
        "unet/config.json": {
            "_class_name": "UNet2DConditionModel", "sample_size": 64, "in_channels": in_channels,
            "layers_per_block": 2, "out_channels": 4,
            "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
            "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
            "block_out_channels": WIDTHS, "cross_attention_dim": TEXT_WIDTH,
            "attention_head_dim": [1, 1, 1, 1] if second else 8, "use_linear_projection": second,
        },
        "vae/config.json": {
            "_class_name": "AutoencoderKL", "block_out_channels": VAE_WIDTHS,
            "layers_per_block": 2, "latent_channels": 4, "sample_size": 512,
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
        },
        "text_encoder/config.json": {
            "architectures": ["CLIPTextModel"], "model_type": "clip_text_model",
            "vocab_size": VOCABULARY, "hidden_size": TEXT_WIDTH, "num_attention_heads": 1,
            "intermediate_size": 4 * TEXT_WIDTH, "projection_dim": TEXT_WIDTH,
            "num_hidden_layers": 23 if second else TEXT_LAYERS["sd1"],
            "hidden_act": "gelu" if second else "quick_gelu",
        },
        "scheduler/scheduler_config.json": {
            "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "set_alpha_to_one": False, "steps_offset": 1,
            "clip_sample": False, **(scheduler or {}),
        },
        "model_index.json": {
            "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
            "feature_extractor": [None, None], "image_encoder": [None, None],
            "safety_checker": [None, None], "requires_safety_checker": False,
            "scheduler": ["diffusers", "DDIMScheduler"], "vae": ["diffusers", "AutoencoderKL"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
        },
    }
    for name, config in configs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(config))
    return folder
