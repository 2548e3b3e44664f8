"""The weights of a single-file checkpoint, under diffusers' and transformers' names.

Names are converted by diffusers' own functions, the ones behind its `from_single_file`; the
configs are ours (`original`), so that nothing is asked of a network, and every tensor that is
missing or of another shape is an error here, where the library goes on without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers.loaders import single_file_utils
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from backend.families.single_file import Original
from backend.families.single_file_keys import tensors_of
from backend.models.catalog.compvis import SDXL_OPEN_CLIP
from backend.models.loading import Tensors, filled

_convert: Any = single_file_utils  # which says no types


@dataclass(frozen=True, eq=False)
class OriginalParts:
    """The models of a single file, on the CPU."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection | None = None


def load_original(path: Path, original: Original, dtype: torch.dtype) -> OriginalParts:
    """Reads the weights.

    Args:
        path: The .safetensors file.
        original: From `inspect_original` of the same file.
        dtype: Precision to bring them to.

    Raises:
        ModelProblem: A tensor is missing or has another shape; names it.
    """
    tensors = tensors_of(path)
    # Built without weights: a random start of 860 M values takes longer than reading the file.
    with init_empty_weights(include_buffers=False):
        unet = UNet2DConditionModel(**original.unet)
        vae = AutoencoderKL(**original.vae)
        text = CLIPTextModel(CLIPTextConfig(**original.text_encoder))
        second = None
        if original.text_encoder_2 is not None:
            second = CLIPTextModelWithProjection(CLIPTextConfig(**original.text_encoder_2))
    vae_dtype = torch.float32 if original.vae["force_upcast"] else dtype
    return OriginalParts(
        filled(unet, _convert.convert_ldm_unet_checkpoint(tensors, original.unet), path, dtype),
        filled(vae, _convert.convert_ldm_vae_checkpoint(tensors, original.vae), path, vae_dtype),
        filled(text, _text(tensors, text, original), path, dtype),
        second and filled(second, _second(tensors, second), path, dtype),
    )


def _text(tensors: Tensors, model: CLIPTextModel, original: Original) -> Tensors:
    converted: Tensors
    if original.layout == "sd2":
        converted = _convert.convert_open_clip_checkpoint(model, tensors)
    else:
        converted = _convert.convert_ldm_clip_checkpoint(tensors)
    # transformers 5 has dropped the level that both layouts are named after.
    return {name.removeprefix("text_model."): tensor for name, tensor in converted.items()}


def _second(tensors: Tensors, model: CLIPTextModelWithProjection) -> Tensors:
    return _convert.convert_open_clip_checkpoint(model, tensors, prefix=SDXL_OPEN_CLIP)
