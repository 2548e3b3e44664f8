"""Loading Flux.2 Klein: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from torch import nn
from torch.nn import functional
from transformers import Qwen3ForCausalLM

from backend.families.flow_loading import again, assembled, chat_tokenizer, skeleton
from backend.families.folder_loading import load_part
from backend.families.klein import KLEIN, PATCH
from backend.models.autoencoder.packed_vae import PackedVae
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.tokens import packed, places, unpacked
from backend.models.denoiser.transformer import Asked, FlowTransformer
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.text.qwen import KLEIN_READING, QwenText

TIMES = 1000  # the transformer multiplies its times by that
READERS: Mapping[str, type[nn.Module]] = {"text_encoder": Qwen3ForCausalLM}


def load(info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
    """Loads a folder, see `Family.load`."""
    patches = PatchStack()
    again(KLEIN, info)
    reader = load_part(Qwen3ForCausalLM, info.path, "text_encoder", target)
    words = chat_tokenizer(info.path / "tokenizer", reader.config.vocab_size)

    def network() -> FlowTransformer:
        model = load_part(Flux2Transformer2DModel, info.path, "transformer", target)
        return FlowTransformer(
            model,
            velocity,
            model.config["in_channels"],
            [*model.transformer_blocks, *model.single_transformer_blocks],
            compiled=target.compile,
            patches=patches,
        )

    return assembled(
        info,
        target,
        tiny_decoder,
        dict(KLEIN.scheduler_config(info)),
        patches,
        QwenText(reader, words, patches, KLEIN_READING),
        network,
        PackedVae(load_part(AutoencoderKLFlux2, info.path, "vae", target), patches),
    )


def modules(folder: Path) -> Mapping[str, nn.Module]:
    """See `Family.skeleton`."""
    return skeleton(folder, Flux2Transformer2DModel, READERS)


def velocity(model: Callable[..., Any], asked: Asked) -> torch.Tensor:
    """How the transformer is asked; see `Asking`.

    A place has four numbers: those of a picture have rows and columns, those of a prompt count in
    the last.
    """
    x, context = asked.x, asked.prompts.context
    height, width = x.shape[2:]
    words = torch.arange(context.shape[1], device=x.device)[:, None]
    made: torch.Tensor = model(
        hidden_states=packed(x, PATCH),
        timestep=asked.timestep / TIMES,
        encoder_hidden_states=context,
        txt_ids=functional.pad(words, (3, 0)),
        img_ids=functional.pad(places(height, width, x.device), (0, 1)),
        return_dict=False,
    )[0]
    return unpacked(made, PATCH, height, width)
