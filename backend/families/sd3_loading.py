"""Loading Stable Diffusion 3: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import nn
from transformers import (
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5EncoderModel,
    T5Tokenizer,
)

from backend.families.flow_folder import has, inspect
from backend.families.flow_loading import assembled, skeleton, tokenizer
from backend.families.folder_loading import load_part
from backend.families.sd3 import SD3
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.transformer import Asked, FlowTransformer
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.text.clip import TextEncoder
from backend.models.text.clip_t5 import SD3_READING, Sd3Text
from backend.models.text.t5 import T5Text

READERS: Mapping[str, type[nn.Module]] = {
    "text_encoder": CLIPTextModelWithProjection,
    "text_encoder_2": CLIPTextModelWithProjection,
    "text_encoder_3": T5EncoderModel,
}


def load(info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
    """Loads a folder, see `Family.load`."""
    patches = PatchStack()
    found = inspect(info.path, SD3.folder)  # again, though the catalog has looked: files change
    third = _t5(info.path, target, patches) if has(info.path, "text_encoder_3") else None
    text = Sd3Text(
        _clip(info.path, "text_encoder", "tokenizer", target, patches),
        _clip(info.path, "text_encoder_2", "tokenizer_2", target, patches),
        third,
        int(found.transformer.get("joint_attention_dim", 4096)),
    )

    def network() -> FlowTransformer:
        model = load_part(SD3Transformer2DModel, info.path, "transformer", target)
        return FlowTransformer(
            model,
            velocity,
            model.config["in_channels"],
            list(model.transformer_blocks),
            compiled=target.compile,
            patches=patches,
        )

    scheduler = dict(SD3.scheduler_config(info))
    return assembled(info, target, tiny_decoder, scheduler, patches, text, network)


def modules(folder: Path) -> Mapping[str, nn.Module]:
    """See `Family.skeleton`."""
    return skeleton(folder, SD3Transformer2DModel, READERS)


def velocity(model: Callable[..., Any], asked: Asked) -> torch.Tensor:
    """How the transformer is asked; see `Asking`."""
    made: torch.Tensor = model(
        hidden_states=asked.x,
        timestep=asked.timestep,
        encoder_hidden_states=asked.prompts.context,
        pooled_projections=asked.prompts.pooled,
        return_dict=False,
    )[0]
    return made


def _clip(folder: Path, name: str, words: str, target: Target, patches: PatchStack) -> TextEncoder:
    model = load_part(CLIPTextModelWithProjection, folder, name, target)
    read = tokenizer(CLIPTokenizer, folder / words, model.config.vocab_size)
    return TextEncoder(model, read, penultimate=True, patches=patches)


def _t5(folder: Path, target: Target, patches: PatchStack) -> T5Text:
    model = load_part(T5EncoderModel, folder, "text_encoder_3", target)
    read = tokenizer(T5Tokenizer, folder / "tokenizer_3", model.config.vocab_size)
    return T5Text(model, read, patches, SD3_READING)
