"""Single-file checkpoints in the original layouts: what the shapes of their weights say.

Stable Diffusion's own files (CompVis, Stability AI) hold UNet, autoencoder and text encoder under
other names than diffusers and no configuration. The layout is recognised by the text encoder's
keys, all widths are read off the shapes; what shapes cannot tell (eps or v, zero terminal SNR)
comes from the card, from marker keys, from the file's metadata, or from A1111's .yaml beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from backend.errors import ModelProblem
from backend.models.card import Card, Prediction
from backend.models.safetensors_header import Shapes, read_shapes

Layout = Literal["sd1", "sd2"]
UNET = "model.diffusion_model."
VAE = "first_stage_model."
CLIP = "cond_stage_model.transformer."
OPEN_CLIP = "cond_stage_model.model."
LEVELS = 4  # of the UNet, and of the autoencoder, in every model of these layouts
HEAD_WIDTH = 64  # of SD 2.x' UNet and of both text encoders
# The noise schedule that SD 1.x and 2.x were trained with (arXiv:2112.10752, released configs).
SCHEDULER: dict[str, Any] = {
    "_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085,
    "beta_end": 0.012, "beta_schedule": "scaled_linear", "timestep_spacing": "leading",
    "steps_offset": 1, "set_alpha_to_one": False, "clip_sample": False,
}


@dataclass(frozen=True)
class Original:
    """A single file, understood.

    Attributes:
        layout: Which release its keys follow.
        unet: Config of diffusers' UNet2DConditionModel.
        vae: Config of diffusers' AutoencoderKL.
        text_encoder: Config of transformers' CLIPTextModel.
        scheduler: Config of a diffusers scheduler.
        native_side_px: Side of the squares that it was trained on.
        note: What had to be assumed; None if nothing.
    """

    layout: Layout
    unet: dict[str, Any]
    vae: dict[str, Any]
    text_encoder: dict[str, Any]
    scheduler: dict[str, Any]
    native_side_px: int
    note: str | None = None

    def config(self, part: str) -> dict[str, Any]:
        """unet, vae, text_encoder or scheduler."""
        return dict(getattr(self, part))


def inspect_original(path: Path, card: Card) -> Original:
    """Reads the header of a single-file checkpoint; the weights stay on the disk.

    Args:
        path: The .safetensors file.
        card: Its card, whose word on the prediction counts before everything else.

    Raises:
        ModelProblem: It is damaged, of an unknown layout, or of one that is not supported.
    """
    try:
        stat = path.stat()
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise ModelProblem(f"{path.name} cannot be read: {reason}.") from None
    return _inspect(
        path, card.prediction_type, card.zero_terminal_snr, stat.st_size, stat.st_mtime_ns
    )


@lru_cache(maxsize=256)
def _inspect(
    path: Path, told: Prediction | None, told_zero_snr: bool | None, size: int, mtime_ns: int
) -> Original:
    shapes = read_shapes(path)
    layout = _layout(shapes, path)
    try:
        unet, vae = _unet(shapes, layout), _vae(shapes)
        text = _text_encoder(shapes, layout)
    except KeyError as error:
        raise ModelProblem(f"{path.name} lacks the tensor '{error.args[0]}'.") from None
    if unet["in_channels"] not in (vae["latent_channels"], 2 * vae["latent_channels"] + 1):
        raise ModelProblem(
            "The UNet takes other channels than the autoencoder's latents (a depth checkpoint, "
            "perhaps); only text-to-image and inpainting checkpoints can be used."
        )
    prediction, note = _prediction(path, told, shapes, layout)
    zero_snr = "ztsnr" in shapes if told_zero_snr is None else told_zero_snr
    scheduler = SCHEDULER | {
        "prediction_type": prediction, "rescale_betas_zero_snr": zero_snr,
    }
    if zero_snr:
        # The last level is pure noise, and only `trailing` starts there (2305.08891, table 2).
        scheduler["timestep_spacing"] = "trailing"
    side = 768 if layout == "sd2" and prediction == "v_prediction" else 512
    return Original(layout, unet, vae, text, scheduler, side, note)


def _layout(shapes: Shapes, path: Path) -> Layout:
    def has(prefix: str) -> bool:
        return any(name.startswith(prefix) for name in shapes)

    if has("conditioner.embedders."):
        raise ModelProblem("This is an SDXL checkpoint, which cannot be used yet.")
    if not has(UNET):
        raise ModelProblem(
            f"{path.name} holds no UNet in the layout of Stable Diffusion's single files; put a "
            "whole SD 1.x or 2.x checkpoint here."
        )
    if not has(VAE):
        raise ModelProblem(f"{path.name} holds no autoencoder; use the whole checkpoint.")
    if has(CLIP):
        return "sd1"
    if has(OPEN_CLIP):
        return "sd2"
    raise ModelProblem(f"{path.name} holds no text encoder; use the whole checkpoint.")


def _unet(shapes: Shapes, layout: Layout) -> dict[str, Any]:
    in_channels = shapes[f"{UNET}input_blocks.0.0.weight"][1]
    # Input blocks 1, 4, 7, 10 are the first residual blocks of the four levels.
    widths = [
        shapes[f"{UNET}input_blocks.{1 + 3 * level}.0.out_layers.3.weight"][0]
        for level in range(LEVELS)
    ]
    attention = f"{UNET}input_blocks.1.1."
    heads: int | list[int] = 8
    if layout == "sd2":
        heads = [max(1, width // HEAD_WIDTH) for width in widths]
    return {
        "sample_size": 64, "in_channels": in_channels,
        "out_channels": shapes[f"{UNET}out.2.weight"][0], "layers_per_block": 2,
        "block_out_channels": widths, "attention_head_dim": heads,
        "cross_attention_dim":
            shapes[f"{attention}transformer_blocks.0.attn2.to_k.weight"][1],
        "use_linear_projection": len(shapes[f"{attention}proj_in.weight"]) == 2,
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    }


def _vae(shapes: Shapes) -> dict[str, Any]:
    widths = [
        shapes[f"{VAE}encoder.down.{level}.block.0.conv1.weight"][0] for level in range(LEVELS)
    ]
    return {
        "in_channels": 3, "out_channels": 3, "sample_size": 512, "layers_per_block": 2,
        "block_out_channels": widths, "scaling_factor": 0.18215,
        "latent_channels": shapes[f"{VAE}post_quant_conv.weight"][0],
        "down_block_types": ["DownEncoderBlock2D"] * LEVELS,
        "up_block_types": ["UpDecoderBlock2D"] * LEVELS,
    }


def _text_encoder(shapes: Shapes, layout: Layout) -> dict[str, Any]:
    if layout == "sd2":
        # OpenCLIP's last block is not used: SD 2.x was trained on the output of the one before.
        layers = _count(shapes, rf"{re.escape(OPEN_CLIP)}transformer\.resblocks\.(\d+)\.") - 1
        vocabulary, width = shapes[f"{OPEN_CLIP}token_embedding.weight"]
        inner = shapes[f"{OPEN_CLIP}transformer.resblocks.0.mlp.c_fc.weight"][0]
        positions = shapes[f"{OPEN_CLIP}positional_embedding"][0]
    else:
        # Some merges were saved without "text_model." in the names.
        nested = f"{CLIP}text_model."
        clip = nested if any(name.startswith(nested) for name in shapes) else CLIP
        layers = _count(shapes, rf"{re.escape(clip)}encoder\.layers\.(\d+)\.")
        vocabulary, width = shapes[f"{clip}embeddings.token_embedding.weight"]
        inner = shapes[f"{clip}encoder.layers.0.mlp.fc1.weight"][0]
        positions = shapes[f"{clip}embeddings.position_embedding.weight"][0]
    return {
        "vocab_size": vocabulary, "hidden_size": width, "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": max(1, width // HEAD_WIDTH),
        "max_position_embeddings": positions, "projection_dim": width,
        "hidden_act": "gelu" if layout == "sd2" else "quick_gelu",
    }


def _count(shapes: Shapes, pattern: str) -> int:
    found = [int(match[1]) for name in shapes if (match := re.match(pattern, name))]
    return max(found, default=-1) + 1


def _prediction(
    path: Path, told: Prediction | None, shapes: Shapes, layout: Layout
) -> tuple[Prediction, str | None]:
    """What the UNet predicts: by the card, marker keys, metadata, .yaml, or what is usual."""
    if told is not None:
        return told, None
    if "v_pred" in shapes:
        return "v_prediction", None
    metadata = _metadata(path)
    match metadata.get("modelspec.prediction_type", metadata.get("modelspec.predict_key", "")):
        case "v" | "v_prediction":
            return "v_prediction", None
        case "epsilon":
            return "epsilon", None
    yaml = path.with_suffix(".yaml")
    if yaml.is_file() and yaml.stat().st_size < 1 << 20:
        text = yaml.read_text("utf-8", errors="replace")
        says_v = re.search(r"^\s*parameterization:\s*[\"']?v[\"']?\s*(#.*)?$", text, re.MULTILINE)
        return ("v_prediction" if says_v else "epsilon"), None
    if layout == "sd1":
        return "epsilon", None
    # SD 2.x' inpainting release predicts eps; of the others most that are in use predict v.
    if shapes[f"{UNET}input_blocks.0.0.weight"][1] > 4:
        return "epsilon", None
    return "v_prediction", (
        "SD 2.x files do not say what they predict; v-prediction at 768 px is assumed. For an SD "
        f'2.x base (512 px) write {{"prediction_type": "epsilon"}} into {path.stem}.card.json.'
    )


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ModelProblem(f"{path.name} is damaged: {str(error)[:160]}.") from None
