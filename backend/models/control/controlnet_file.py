"""The config of a ControlNet in a single file, read off its shapes.

Two layouts are about: the original one (2302.05543), under the names of the UNet's encoder that it
copies, for SD 1.x and 2.x; and diffusers' own names, in which those for SDXL are given away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.contracts.errors import ModelProblem
from backend.models.catalog.compvis import CONTROL, HEAD_WIDTH, UNET, count, encoder_config
from backend.models.catalog.safetensors_header import Shapes, read_shapes

HINT = "controlnet_cond_embedding"
# Files about that are something else, by a tensor that each of them has.
OTHERS = {
    "difference": "It holds only the difference to a checkpoint; use a whole ControlNet.",
    "lora_controlnet": "It is a Control-LoRA, which is not read; use a whole ControlNet.",
    "lllite_unet": "It is a ControlNet-LLLite, which is not read; use a whole ControlNet.",
    "task_embedding": "It is a ControlNet-Union, which is not read; use one for a single control.",
}
SD1_HEADS = 8
KNOWN_CROSS = (768, 1024, 2048)  # widths of the cross-attention of SD 1.x, SD 2.x and SDXL
SDXL_TIME_WIDTH = 256  # channels of each size condition


def has_diffusers_names(shapes: Shapes) -> bool:
    """Whether a file holds a ControlNet under diffusers' names."""
    return f"{HINT}.conv_in.weight" in shapes


def controlnet_config(path: Path) -> dict[str, Any]:
    """Config of diffusers' ControlNetModel for a single file.

    Raises:
        ModelProblem: It is damaged, or holds no ControlNet that could be read.
    """
    shapes = read_shapes(path)
    for key, sentence in OTHERS.items():
        if any(name.startswith(key) for name in shapes):
            raise ModelProblem(sentence)
    try:
        config = _diffusers(shapes) if has_diffusers_names(shapes) else _original(shapes, path)
    except KeyError as error:
        raise ModelProblem(f"{path.name} lacks the tensor '{error.args[0]}'.") from None
    # The shapes do not tell; only the one for shuffled colours averages over the picture.
    return config | {"global_pool_conditions": "shuffle" in path.stem.lower()}


def _original(shapes: Shapes, path: Path) -> dict[str, Any]:
    root = CONTROL if f"{CONTROL}time_embed.0.weight" in shapes else ""
    # Under the UNet's names, whose encoder it is a copy of.
    own = {
        f"{UNET}{name.removeprefix(root)}": shape
        for name, shape in shapes.items()
        if name.startswith(root)
    }
    if f"{UNET}input_hint_block.0.weight" not in own:
        raise ModelProblem(
            f"{path.name} is no ControlNet, neither in the original layout nor in diffusers'."
        )
    linear = len(own[f"{UNET}input_blocks.1.1.proj_in.weight"]) == 2
    hints = [own[f"{UNET}input_hint_block.{block}.weight"] for block in (0, 4, 8, 12)]
    return encoder_config(own, "sd2" if linear else "sd1") | {
        "conditioning_channels": hints[0][1],
        "conditioning_embedding_out_channels": [shape[0] for shape in hints],
    }


def _diffusers(shapes: Shapes) -> dict[str, Any]:
    levels = range(count(shapes, r"down_blocks\.(\d+)\."))
    widths = [shapes[f"down_blocks.{level}.resnets.0.conv1.weight"][0] for level in levels]
    depths = [
        count(shapes, rf"down_blocks\.{level}\.attentions\.0\.transformer_blocks\.(\d+)\.")
        for level in levels
    ]
    attended = next((level for level in levels if depths[level]), 0)
    attention = f"down_blocks.{attended}.attentions.0."
    linear = len(shapes[f"{attention}proj_in.weight"]) == 2
    cross = shapes[f"{attention}transformer_blocks.0.attn2.to_k.weight"][1]
    if cross not in KNOWN_CROSS:
        raise ModelProblem(
            "Its shapes do not tell how many attention heads it has, as those of SD 1.x, SD 2.x "
            "and SDXL do; use a diffusers folder (config.json beside its weights)."
        )
    hints = count(shapes, rf"{HINT}\.blocks\.(\d+)\.")  # two blocks a step, the second wider
    config: dict[str, Any] = {
        "in_channels": shapes["conv_in.weight"][1],
        "layers_per_block": count(shapes, r"down_blocks\.0\.resnets\.(\d+)\."),
        "block_out_channels": widths,
        "attention_head_dim": [max(1, width // HEAD_WIDTH) for width in widths]
        if linear
        else SD1_HEADS,
        "cross_attention_dim": cross,
        "use_linear_projection": linear,
        "transformer_layers_per_block": [max(1, depth) for depth in depths],
        "down_block_types": [
            "CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths
        ],
        "conditioning_channels": shapes[f"{HINT}.conv_in.weight"][1],
        "conditioning_embedding_out_channels": [
            shapes[f"{HINT}.conv_in.weight"][0],
            *(shapes[f"{HINT}.blocks.{block}.weight"][0] for block in range(1, hints, 2)),
        ],
    }
    if "add_embedding.linear_1.weight" in shapes:
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": SDXL_TIME_WIDTH,
            "projection_class_embeddings_input_dim": shapes["add_embedding.linear_1.weight"][1],
        }
    return config
