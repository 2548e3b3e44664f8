"""Single-file checkpoints in the original layouts, with random weights at reduced width.

The names are those of the released files, written down here from their layout and independent of
any converter: SD 1.x (`cond_stage_model.transformer`), SD 2.x (`cond_stage_model.model`, OpenCLIP),
SDXL (`conditioner`).
`write_configs` writes the diffusers configs that belong to them, likewise by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import save_file

from backend.models.text.clip_vocabulary import PAD, clip_tokenizer

Layout = Literal["sd1", "sd2", "sdxl"]
Named = Iterator[tuple[str, tuple[int, ...]]]
VAE_WIDTHS = (32, 32, 32, 32)  # 128, 256, 512, 512
VOCABULARY = 49408
TEXT_WIDTH = 64
SECOND_WIDTH = 128  # of SDXL's second encoder; converters tell the two by their widths
# The converter knows the 24th of OpenCLIP by its number.
TEXT_LAYERS = {"sd1": 3, "sd2": 24, "sdxl": 3}


class Release(NamedTuple):
    """What differs between the UNets.

    Attributes:
        widths: Of its levels.
        depths: Transformer blocks in each layer of a level.
        linear: Whether transformers begin and end with linear layers.
        context: Width of the cross-attention.
        added: Width of what is embedded beside the timestep; 0 for nothing.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    linear: bool
    context: int = TEXT_WIDTH
    added: int = 0


WIDTHS = (32, 64, 64, 64)  # the true ones are 320, 640, 1280, 1280
RELEASES: dict[Layout, Release] = {
    "sd1": Release(WIDTHS, (1, 1, 1, 0), linear=False),
    "sd2": Release(WIDTHS, (1, 1, 1, 0), linear=True),
    # The true depths are 0, 2, 10, the context 768 + 1280, the added 1280 + 6 * 256.
    "sdxl": Release(
        (32, 64, 128),
        (0, 1, 2),
        linear=True,
        context=TEXT_WIDTH + SECOND_WIDTH,
        added=SECOND_WIDTH + 6 * 32,
    ),
}


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


def _transformer(name: str, width: int, release: Release, depth: int) -> Named:
    kernel = () if release.linear else (1, 1)
    yield from _affine(f"{name}.norm", width)
    yield from _affine(f"{name}.proj_in", width, width, *kernel)
    for number in range(depth):
        block = f"{name}.transformer_blocks.{number}"
        for attention, context in (("attn1", width), ("attn2", release.context)):
            yield f"{block}.{attention}.to_q.weight", (width, width)
            yield f"{block}.{attention}.to_k.weight", (width, context)
            yield f"{block}.{attention}.to_v.weight", (width, context)
            yield from _affine(f"{block}.{attention}.to_out.0", width, width)
        for norm in (1, 2, 3):
            yield from _affine(f"{block}.norm{norm}", width)
        yield from _affine(f"{block}.ff.net.0.proj", 8 * width, width)
        yield from _affine(f"{block}.ff.net.2", width, 4 * width)
    yield from _affine(f"{name}.proj_out", width, width, *kernel)


def _unet(release: Release, in_channels: int) -> Named:
    root, widths, depths = "model.diffusion_model", release.widths, release.depths
    first, time = widths[0], 4 * widths[0]
    yield from _affine(f"{root}.time_embed.0", time, first)
    yield from _affine(f"{root}.time_embed.2", time, time)
    if release.added:
        yield from _affine(f"{root}.label_emb.0.0", time, release.added)
        yield from _affine(f"{root}.label_emb.0.2", time, time)
    yield from _affine(f"{root}.input_blocks.0.0", first, in_channels, 3, 3)
    skips, width, number, last = [first], first, 1, len(widths) - 1
    for level, after in enumerate(widths):
        for _ in range(2):
            yield from _resnet(f"{root}.input_blocks.{number}.0", width, after, time)
            if depths[level]:
                name = f"{root}.input_blocks.{number}.1"
                yield from _transformer(name, after, release, depths[level])
            width, number = after, number + 1
            skips.append(width)
        if level < last:
            yield from _affine(f"{root}.input_blocks.{number}.0.op", width, width, 3, 3)
            skips.append(width)
            number += 1
    yield from _resnet(f"{root}.middle_block.0", width, width, time)
    yield from _transformer(f"{root}.middle_block.1", width, release, max(1, depths[-1]))
    yield from _resnet(f"{root}.middle_block.2", width, width, time)
    for number in range(3 * len(widths)):
        level = last - number // 3
        after = widths[level]
        name = f"{root}.output_blocks.{number}"
        yield from _resnet(f"{name}.0", width + skips.pop(), after, time)
        if depths[level]:
            yield from _transformer(f"{name}.1", after, release, depths[level])
        if number % 3 == 2 and level > 0:
            yield from _affine(f"{name}.{2 if depths[level] else 1}.conv", after, after, 3, 3)
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


def _clip(root: str, layers: int) -> Named:
    root, width = f"{root}.text_model", TEXT_WIDTH
    yield f"{root}.embeddings.token_embedding.weight", (VOCABULARY, width)
    yield f"{root}.embeddings.position_embedding.weight", (77, width)
    for layer in range(layers):
        name = f"{root}.encoder.layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _affine(f"{name}.self_attn.{part}", width, width)
        yield from _affine(f"{name}.layer_norm1", width)
        yield from _affine(f"{name}.layer_norm2", width)
        yield from _affine(f"{name}.mlp.fc1", 4 * width, width)
        yield from _affine(f"{name}.mlp.fc2", width, 4 * width)
    yield from _affine(f"{root}.final_layer_norm", width)


def _open_clip(root: str, width: int, layers: int) -> Named:
    yield f"{root}.positional_embedding", (77, width)
    yield f"{root}.token_embedding.weight", (VOCABULARY, width)
    yield f"{root}.text_projection", (width, width)
    yield f"{root}.logit_scale", ()
    for layer in range(layers):
        name = f"{root}.transformer.resblocks.{layer}"
        yield f"{name}.attn.in_proj_weight", (3 * width, width)
        yield f"{name}.attn.in_proj_bias", (3 * width,)
        yield from _affine(f"{name}.attn.out_proj", width, width)
        yield from _affine(f"{name}.ln_1", width)
        yield from _affine(f"{name}.ln_2", width)
        yield from _affine(f"{name}.mlp.c_fc", 4 * width, width)
        yield from _affine(f"{name}.mlp.c_proj", width, 4 * width)
    yield from _affine(f"{root}.ln_final", width)


def _text(layout: Layout) -> Named:
    match layout:
        case "sd1":
            yield from _clip("cond_stage_model.transformer", TEXT_LAYERS["sd1"])
        case "sd2":
            yield from _open_clip("cond_stage_model.model", TEXT_WIDTH, TEXT_LAYERS["sd2"])
        case "sdxl":
            yield from _clip("conditioner.embedders.0.transformer", TEXT_LAYERS["sdxl"])
            yield from _open_clip(
                "conditioner.embedders.1.model", SECOND_WIDTH, TEXT_LAYERS["sdxl"]
            )


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
    path: Path,
    layout: Layout,
    *,
    in_channels: int = 4,
    seed: int = 0,
    markers: tuple[str, ...] = (),
    metadata: dict[str, str] | None = None,
) -> Path:
    """Writes a single file and returns its path.

    Args:
        path: The .safetensors file to make.
        layout: Of which release.
        in_channels: Of the UNet; 9 make an inpainting model.
        seed: Weights of the same seed are the same.
        markers: Empty tensors of these names, e.g. "v_pred".
        metadata: Of the header.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: _values(name, shape, generator)
        for part in (_unet(RELEASES[layout], in_channels), _vae(), _text(layout))
        for name, shape in part
    }
    if layout != "sd2":
        root = "cond_stage_model" if layout == "sd1" else "conditioner.embedders.0"
        tensors[f"{root}.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    tensors |= {
        "betas": torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2,
        "model_ema.num_updates": torch.tensor(1),
    }
    tensors |= {marker: torch.zeros(0) for marker in markers}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"format": "pt", **(metadata or {})})
    return path


def write_configs(
    folder: Path,
    layout: Layout,
    *,
    in_channels: int = 4,
    scheduler: dict[str, Any] | None = None,
) -> Path:
    """Writes the diffusers folder without weights that `from_single_file(config=...)` takes."""
    release, second, sdxl = RELEASES[layout], layout == "sd2", layout == "sdxl"
    clip_tokenizer(PAD[layout]).save_pretrained(folder / "tokenizer")
    crossing = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in release.depths]
    added = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 32,
        "projection_class_embeddings_input_dim": release.added,
        "transformer_layers_per_block": [1, 1, 2],
    }
    text = {
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "vocab_size": VOCABULARY,
        "hidden_size": TEXT_WIDTH,
        "num_attention_heads": 1,
        "intermediate_size": 4 * TEXT_WIDTH,
        "projection_dim": TEXT_WIDTH,
        "num_hidden_layers": 23 if second else TEXT_LAYERS[layout],
        "hidden_act": "gelu" if second else "quick_gelu",
    }
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "safety_checker": [None, None],
        "requires_safety_checker": False,
        "scheduler": ["diffusers", "DDIMScheduler"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
    }
    configs: dict[str, dict[str, Any]] = {
        "unet/config.json": {
            "_class_name": "UNet2DConditionModel",
            "sample_size": 64,
            "in_channels": in_channels,
            "layers_per_block": 2,
            "out_channels": 4,
            "down_block_types": crossing,
            "up_block_types": [name.replace("Down", "Up") for name in reversed(crossing)],
            "block_out_channels": release.widths,
            "cross_attention_dim": release.context,
            "attention_head_dim": 8
            if layout == "sd1"
            else [max(1, width // 64) for width in release.widths],
            "use_linear_projection": release.linear,
            **(added if sdxl else {}),
        },
        "vae/config.json": {
            "_class_name": "AutoencoderKL",
            "block_out_channels": VAE_WIDTHS,
            "layers_per_block": 2,
            "latent_channels": 4,
            "sample_size": 512,
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
            "scaling_factor": 0.13025 if sdxl else 0.18215,
        },
        "text_encoder/config.json": text,
        "scheduler/scheduler_config.json": {
            "_class_name": "DDIMScheduler",
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "set_alpha_to_one": False,
            "steps_offset": 1,
            "clip_sample": False,
            **(scheduler or {}),
        },
        "model_index.json": index,
    }
    if sdxl:
        clip_tokenizer(PAD["sd2"]).save_pretrained(folder / "tokenizer_2")
        configs["text_encoder_2/config.json"] = text | {
            "architectures": ["CLIPTextModelWithProjection"],
            "hidden_size": SECOND_WIDTH,
            "num_attention_heads": 2,
            "intermediate_size": 4 * SECOND_WIDTH,
            "projection_dim": SECOND_WIDTH,
            "hidden_act": "gelu",
        }
        index |= {
            "_class_name": "StableDiffusionXLPipeline",
            "force_zeros_for_empty_prompt": True,
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer_2": ["transformers", "CLIPTokenizer"],
        }
        del index["safety_checker"], index["requires_safety_checker"]
    for name, config in configs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(config))
    return folder


def original_controlnet(path: Path, layout: Layout, *, prefix: str = "control_model.") -> Path:
    """Writes a ControlNet in the original layout, its zero convolutions zero no longer."""
    release, root = RELEASES[layout], "model.diffusion_model."
    shapes = {
        name.removeprefix(root): shape
        for name, shape in _unet(release, 4)
        if not name.startswith((f"{root}out.", f"{root}output_blocks."))
    }
    levels = [width for width in release.widths for _ in range(3)]
    widths = [release.widths[0], *levels][: len(levels)]
    for number, width in enumerate(widths):
        shapes |= dict(_affine(f"zero_convs.{number}.0", width, width, 1, 1))
    shapes |= dict(_affine("middle_block_out.0", release.widths[-1], release.widths[-1], 1, 1))
    hints = (3, 16, 16, 32, 32, 96, 96, 256, release.widths[0])
    for number, (before, after) in enumerate(pairwise(hints)):
        shapes |= dict(_affine(f"input_hint_block.{2 * number}", after, before, 3, 3))
    generator = torch.Generator().manual_seed(7)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {prefix + name: _values(name, shape, generator) for name, shape in shapes.items()}, path
    )
    return path
