"""Loading Chroma: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel
from torch import nn
from transformers import T5EncoderModel, T5Tokenizer

from backend.families.chroma import CHROMA
from backend.families.flow_folder import PACK
from backend.families.flow_loading import again, assembled, skeleton, tokenizer
from backend.families.folder_loading import load_part
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.tokens import packed, places, unpacked
from backend.models.denoiser.transformer import Asked, FlowTransformer
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.text.t5 import CHROMA_READING, T5Text

TIMES = 1000  # the transformer multiplies its times by that
READERS: Mapping[str, type[nn.Module]] = {"text_encoder": T5EncoderModel}


def load(info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
    """Loads a folder, see `Family.load`."""
    patches = PatchStack()
    again(CHROMA, info)
    reader = load_part(T5EncoderModel, info.path, "text_encoder", target)
    words = tokenizer(T5Tokenizer, info.path / "tokenizer", reader.config.vocab_size)

    def network() -> FlowTransformer:
        with quietly():
            model = load_part(ChromaTransformer2DModel, info.path, "transformer", target)
        return FlowTransformer(
            model,
            velocity,
            model.config["in_channels"] // PACK**2,
            [*model.transformer_blocks, *model.single_transformer_blocks],
            compiled=target.compile,
            patches=patches,
        )

    scheduler = dict(CHROMA.scheduler_config(info))
    text = T5Text(reader, words, patches, CHROMA_READING)
    return assembled(info, target, tiny_decoder, scheduler, patches, text, network)


def modules(folder: Path) -> Mapping[str, nn.Module]:
    """See `Family.skeleton`."""
    with quietly():
        return skeleton(folder, ChromaTransformer2DModel, READERS)


@contextmanager
def quietly() -> Generator[None]:
    """diffusers' class is made of one that diffusers deprecates, and warns of itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*FluxPosEmbed.*", FutureWarning)
        yield


def velocity(model: Callable[..., Any], asked: Asked) -> torch.Tensor:
    """How the transformer is asked; see `Asking`.

    What fills a prompt up is told by numbers, 0 after its first token, as the pipeline tells it:
    attention adds their products to its scores.
    """
    x, context = asked.x, asked.prompts.context
    height, width = (side // PACK for side in x.shape[2:])
    shown = asked.prompts.shown
    if shown is not None:
        picture = shown.new_ones(len(x), height * width)
        shown = torch.cat([shown, picture], dim=1).to(x.dtype)
    made: torch.Tensor = model(
        hidden_states=packed(x, PACK),
        timestep=asked.timestep / TIMES,
        encoder_hidden_states=context,
        txt_ids=torch.zeros(context.shape[1], 3, device=x.device, dtype=x.dtype),
        img_ids=places(height, width, x.device).to(x.dtype),
        attention_mask=shown,
        return_dict=False,
    )[0]
    return unpacked(made, PACK, height, width)
