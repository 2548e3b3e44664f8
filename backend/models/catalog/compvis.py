"""Names and shapes in the original layouts of Stable Diffusion's files (CompVis, Stability AI).

What they say of a UNet's encoder and of an autoencoder; single-file checkpoints, ControlNets and
separate autoencoders are all read by it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from backend.contracts.errors import ModelProblem
from backend.models.catalog.safetensors_header import Shapes

Layout = Literal["sd1", "sd2", "sdxl"]
UNET = "model.diffusion_model."
VAE = "first_stage_model."
CONTROL = "control_model."
CLIP = "cond_stage_model.transformer."
OPEN_CLIP = "cond_stage_model.model."
SDXL_CLIP = "conditioner.embedders.0.transformer."
SDXL_OPEN_CLIP = "conditioner.embedders.1.model."
LEVELS = {"sd1": 4, "sd2": 4, "sdxl": 3}  # of the UNet
VAE_LEVELS = 4
HEAD_WIDTH = 64  # of SD 2.x' and SDXL's UNets and of all text encoders
SIZE_IDS = 6  # numbers that SDXL's UNet is told: original size, crop, target size


def encoder_config(shapes: Shapes, layout: Layout) -> dict[str, Any]:
    """Config of the UNet's first half, which a ControlNet copies."""
    levels = LEVELS[layout]
    # Input blocks 1, 4, 7, 10 are the first residual blocks of the levels.
    firsts = [f"{UNET}input_blocks.{1 + 3 * level}" for level in range(levels)]
    widths = [shapes[f"{first}.0.out_layers.3.weight"][0] for first in firsts]
    depths = [
        count(shapes, rf"{re.escape(first)}\.1\.transformer_blocks\.(\d+)\.") for first in firsts
    ]
    attention = f"{firsts[next((i for i, depth in enumerate(depths) if depth), 0)]}.1."
    heads: int | list[int] = 8
    if layout != "sd1":
        heads = [max(1, width // HEAD_WIDTH) for width in widths]
    config = {
        "in_channels": shapes[f"{UNET}input_blocks.0.0.weight"][1],
        "layers_per_block": 2,
        "block_out_channels": widths,
        "attention_head_dim": heads,
        "cross_attention_dim": shapes[f"{attention}transformer_blocks.0.attn2.to_k.weight"][1],
        "use_linear_projection": len(shapes[f"{attention}proj_in.weight"]) == 2,
        "down_block_types": [
            "CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths
        ],
    }
    if layout == "sdxl":
        added = shapes[f"{UNET}label_emb.0.0.weight"][1]
        pooled = shapes[f"{SDXL_OPEN_CLIP}text_projection"][1]
        config |= {
            "transformer_layers_per_block": [max(1, depth) for depth in depths],
            "addition_embed_type": "text_time",
            "projection_class_embeddings_input_dim": added,
            "addition_time_embed_dim": (added - pooled) // SIZE_IDS,
        }
    return config


def vae_config(shapes: Shapes, path: Path) -> dict[str, Any]:
    """Config of a file that holds an autoencoder alone, in the original or diffusers' layout.

    Raises:
        ModelProblem: It holds none.
    """
    shapes = {name.removeprefix(VAE): shape for name, shape in shapes.items()}
    for first in (
        "encoder.down.{}.block.0.conv1.weight",
        "encoder.down_blocks.{}.resnets.0.conv1.weight",
    ):
        if first.format(0) in shapes:
            try:
                return vae_widths(shapes, first)
            except KeyError as error:
                name = error.args[0]
                raise ModelProblem(f"{path.name} lacks the tensor '{name}'.") from None
    raise ModelProblem(f"{path.name} holds no autoencoder of Stable Diffusion's kind.")


def vae_widths(shapes: Shapes, first: str) -> dict[str, Any]:
    """Config of an autoencoder; `first` names the first weight of each of its levels."""
    config: dict[str, Any] = {
        "in_channels": 3,
        "out_channels": 3,
        "layers_per_block": 2,
        "block_out_channels": [shapes[first.format(level)][0] for level in range(VAE_LEVELS)],
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "down_block_types": ["DownEncoderBlock2D"] * VAE_LEVELS,
        "up_block_types": ["UpDecoderBlock2D"] * VAE_LEVELS,
    }
    if "post_quant_conv.weight" not in shapes:  # Stable Diffusion 3's and Flux.1's have none
        config |= {"use_quant_conv": False, "use_post_quant_conv": False}
    return config


def count(shapes: Shapes, pattern: str) -> int:
    """How many of a numbered layer there are, by the numbers that `pattern` finds."""
    found = [int(match[1]) for name in shapes if (match := re.match(pattern, name))]
    return max(found, default=-1) + 1
