"""Loading Qwen-Image: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from torch import nn
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

from backend.families.flow_folder import PACK
from backend.families.flow_loading import again, assembled, skeleton, tokenizer
from backend.families.folder_loading import load_part
from backend.families.qwen_image import QWEN_IMAGE
from backend.models.autoencoder.film_vae import FilmVae
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.tokens import packed, unpacked
from backend.models.denoiser.transformer import Asked, FlowTransformer
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.text.qwen import QWEN_READING, QwenText

TIMES = 1000  # the transformer multiplies its times by that
READERS: Mapping[str, type[nn.Module]] = {"text_encoder": Qwen2_5_VLForConditionalGeneration}


def load(info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
    """Loads a folder, see `Family.load`."""
    patches = PatchStack()
    again(QWEN_IMAGE, info)
    reader = load_part(Qwen2_5_VLForConditionalGeneration, info.path, "text_encoder", target)
    config: Any = reader.config
    words = tokenizer(Qwen2Tokenizer, info.path / "tokenizer", config.text_config.vocab_size)

    def network() -> FlowTransformer:
        model = load_part(QwenImageTransformer2DModel, info.path, "transformer", target)
        return FlowTransformer(
            model,
            velocity,
            model.config["in_channels"] // PACK**2,
            list(model.transformer_blocks),
            compiled=target.compile,
            patches=patches,
        )

    return assembled(
        info,
        target,
        tiny_decoder,
        dict(QWEN_IMAGE.scheduler_config(info)),
        patches,
        QwenText(reader, words, patches, QWEN_READING),
        network,
        FilmVae(load_part(AutoencoderKLQwenImage, info.path, "vae", target), patches),
        kept_norm=PACK,
    )


def modules(folder: Path) -> Mapping[str, nn.Module]:
    """See `Family.skeleton`."""
    return skeleton(folder, QwenImageTransformer2DModel, READERS)


def velocity(model: Callable[..., Any], asked: Asked) -> torch.Tensor:
    """How the transformer is asked; see `Asking`. A picture is a film of one frame."""
    height, width = (side // PACK for side in asked.x.shape[2:])
    made: torch.Tensor = model(
        hidden_states=packed(asked.x, PACK),
        timestep=asked.timestep / TIMES,
        encoder_hidden_states=asked.prompts.context,
        encoder_hidden_states_mask=asked.prompts.shown,
        img_shapes=[[(1, height, width)]] * len(asked.x),
        return_dict=False,
    )[0]
    return unpacked(made, PACK, height, width)
