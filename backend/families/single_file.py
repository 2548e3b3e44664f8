"""Single-file checkpoints in the original layouts: what the shapes of their weights say.

Stable Diffusion's own files (CompVis, Stability AI) hold UNet, autoencoder and text encoder under
other names than diffusers and no configuration. The layout is recognised by the text encoders'
keys, all widths are read off the shapes; what shapes cannot tell (eps or v, zero terminal SNR)
comes from the card or from marks in and beside the file (`prediction`), else from a try.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from backend.contracts.errors import ModelProblem
from backend.families.prediction import Told, sidecar_times, told_by
from backend.families.single_file_keys import VAE_BESIDE, beside_ns, shapes_of
from backend.models.catalog.card import Card
from backend.models.catalog.compvis import (
    CLIP,
    HEAD_WIDTH,
    OPEN_CLIP,
    SDXL_CLIP,
    SDXL_OPEN_CLIP,
    UNET,
    VAE,
    Layout,
    count,
    encoder_config,
    vae_widths,
)
from backend.models.catalog.safetensors_header import Shapes

SD2_TEXT_LAYERS = 23  # of OpenCLIP ViT-H's 24
# The noise schedule that all of them were trained with (arXiv:2112.10752, released configs).
SCHEDULER: dict[str, Any] = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}


@dataclass(frozen=True)
class Original:
    """A single file, understood.

    Attributes:
        layout: Which release its keys follow.
        unet: Config of diffusers' UNet2DConditionModel.
        vae: Config of diffusers' AutoencoderKL.
        text_encoder: Config of transformers' CLIPTextModel.
        text_encoder_2: Config of SDXL's CLIPTextModelWithProjection.
        scheduler: Config of a diffusers scheduler.
        native_side_px: Side of the squares that it was trained on.
        note: What had to be assumed; None if nothing.
        guessed: Whether its prediction type is assumed; a try will tell (`probe.probed`).
    """

    layout: Layout
    unet: dict[str, Any]
    vae: dict[str, Any]
    text_encoder: dict[str, Any]
    scheduler: dict[str, Any]
    native_side_px: int
    note: str | None = None
    text_encoder_2: dict[str, Any] | None = None
    guessed: bool = False

    def config(self, part: str) -> dict[str, Any]:
        """unet, vae, text_encoder, text_encoder_2 or scheduler."""
        return dict(getattr(self, part) or {})


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
        path,
        Told(card.prediction_type, card.zero_terminal_snr),
        stat.st_size,
        stat.st_mtime_ns,
        (*sidecar_times(path), beside_ns(path)),
    )


@lru_cache(maxsize=256)
def _inspect(
    path: Path, card: Told, size: int, mtime_ns: int, beside_ns: tuple[int, ...]
) -> Original:
    shapes = shapes_of(path)
    layout = _layout(shapes, path)
    try:
        unet, vae = _unet(shapes, layout), _vae(shapes, layout)
        text, second = _text_encoders(shapes, layout)
    except KeyError as error:
        raise ModelProblem(f"{path.name} lacks the tensor '{error.args[0]}'.") from None
    told = card.before(told_by(path, shapes))
    # SD 2.x' inpainting release predicts eps; of the others most that are in use predict v.
    plain_sd2 = layout == "sd2" and unet["in_channels"] == vae["latent_channels"]
    guessed = told.prediction is None and plain_sd2
    prediction = told.prediction or ("v_prediction" if plain_sd2 else "epsilon")
    zero_snr = bool(told.zero_snr)
    scheduler = SCHEDULER | {
        "prediction_type": prediction,
        "rescale_betas_zero_snr": zero_snr,
    }
    if zero_snr:
        # The last level is pure noise, and only `trailing` starts there (2305.08891, table 2).
        scheduler["timestep_spacing"] = "trailing"
    side = {"sd1": 512, "sd2": 768 if prediction == "v_prediction" else 512, "sdxl": 1024}[layout]
    note = (
        (
            "SD 2.x files do not say what they predict; v-prediction at 768 px is assumed until "
            "the model has been loaded and tried out. To decide it yourself, write "
            f'{{"prediction_type": "epsilon"}} into {path.stem}.card.json.'
        )
        if guessed
        else None
    )
    return Original(layout, unet, vae, text, scheduler, side, note, second, guessed)


def _layout(shapes: Shapes, path: Path) -> Layout:
    def has(prefix: str) -> bool:
        return any(name.startswith(prefix) for name in shapes)

    if has("conditioner.embedders.0.model."):
        raise ModelProblem("This is SDXL's refiner, which cannot be used here; use the base model.")
    if has("edm_"):
        raise ModelProblem("It was trained with another kind of noise (EDM), which is not known.")
    if not has(UNET):
        raise ModelProblem(
            f"{path.name} holds no UNet in the layout of Stable Diffusion's single files; put a "
            "whole SD 1.x, SD 2.x or SDXL checkpoint here."
        )
    if not has(VAE):
        raise ModelProblem(
            f"{path.name} holds no autoencoder; use the whole checkpoint, or put one of its kind "
            f"beside it as {path.stem}{VAE_BESIDE}."
        )
    if has(SDXL_CLIP) and has(SDXL_OPEN_CLIP):
        return "sdxl"
    if has(CLIP):
        return "sd1"
    if has(OPEN_CLIP):
        return "sd2"
    raise ModelProblem(f"{path.name} holds no text encoder; use the whole checkpoint.")


def _unet(shapes: Shapes, layout: Layout) -> dict[str, Any]:
    config = encoder_config(shapes, layout)
    down: list[str] = config["down_block_types"]
    return config | {
        "sample_size": 128 if layout == "sdxl" else 64,
        "out_channels": shapes[f"{UNET}out.2.weight"][0],
        "up_block_types": [name.replace("Down", "Up") for name in reversed(down)],
    }


def _vae(shapes: Shapes, layout: Layout) -> dict[str, Any]:
    own = {name.removeprefix(VAE): shape for name, shape in shapes.items() if name.startswith(VAE)}
    sdxl = layout == "sdxl"
    return vae_widths(own, "encoder.down.{}.block.0.conv1.weight") | {
        "sample_size": 1024 if sdxl else 512,
        "force_upcast": sdxl,
        "scaling_factor": 0.13025 if sdxl else 0.18215,
    }


def _text_encoders(shapes: Shapes, layout: Layout) -> tuple[dict[str, Any], dict[str, Any] | None]:
    match layout:
        case "sd1":
            return _clip(shapes, CLIP), None
        case "sd2":
            # OpenCLIP's last block is not used: SD 2.x was trained on the output before it, and
            # some files leave it out.
            text = _open_clip(shapes, OPEN_CLIP)
            blocks = text["num_hidden_layers"]
            used = blocks if blocks == SD2_TEXT_LAYERS else blocks - 1
            return text | {"num_hidden_layers": used}, None
        case "sdxl":
            return _clip(shapes, SDXL_CLIP), _open_clip(shapes, SDXL_OPEN_CLIP)


def _clip(shapes: Shapes, prefix: str) -> dict[str, Any]:
    # Some merges were saved without "text_model." in the names.
    nested = f"{prefix}text_model."
    clip = nested if any(name.startswith(nested) for name in shapes) else prefix
    vocabulary, width = shapes[f"{clip}embeddings.token_embedding.weight"]
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "projection_dim": width,
        "intermediate_size": shapes[f"{clip}encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": count(shapes, rf"{re.escape(clip)}encoder\.layers\.(\d+)\."),
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "max_position_embeddings": shapes[f"{clip}embeddings.position_embedding.weight"][0],
        "hidden_act": "quick_gelu",
    }


def _open_clip(shapes: Shapes, prefix: str) -> dict[str, Any]:
    vocabulary, width = shapes[f"{prefix}token_embedding.weight"]
    projection = shapes.get(f"{prefix}text_projection", (width, width))
    blocks = rf"{re.escape(prefix)}transformer\.resblocks\.(\d+)\."
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "projection_dim": projection[1],
        "intermediate_size": shapes[f"{prefix}transformer.resblocks.0.mlp.c_fc.weight"][0],
        "num_hidden_layers": count(shapes, blocks),
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "max_position_embeddings": shapes[f"{prefix}positional_embedding"][0],
        "hidden_act": "gelu",
    }
