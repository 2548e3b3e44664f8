"""Loading Flux.1: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from backend.families import flow_file_loading as files
from backend.families.flow_folder import PACK
from backend.families.flow_loading import again, assembled, skeleton, tokenizer
from backend.families.flux import FLUX, TOLD, beside
from backend.families.folder_loading import load_part
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.tokens import packed, places, unpacked
from backend.models.denoiser.transformer import Asked, FlowTransformer
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.text.clip_t5 import FLUX_READING, FluxText
from backend.models.text.clip_vocabulary import clip_tokenizer
from backend.models.text.t5 import T5Text

TIMES = 1000  # the transformer multiplies its times by that


READERS: Mapping[str, type[nn.Module]] = {
    "text_encoder": CLIPTextModel,
    "text_encoder_2": T5EncoderModel,
}


def load(info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
    """Loads a folder or a single file, see `Family.load`."""
    patches = PatchStack()
    found = again(FLUX, info)
    vae = None
    if info.path.is_file():
        parts = beside(info.path, found.transformer)
        clip = files.clip(read_shapes(parts["clip"]), parts["clip"], target)
        words = clip_tokenizer()
        t5 = files.t5(read_shapes(parts["t5"]), parts["t5"], target)
        read = tokenizer(T5Tokenizer, parts["t5 tokenizer"].parent, t5.config.vocab_size)
        vae = files.vae(found.vae, parts["vae"], target)
    else:
        clip = load_part(CLIPTextModel, info.path, "text_encoder", target)
        words = tokenizer(CLIPTokenizer, info.path / "tokenizer", clip.config.vocab_size)
        t5 = load_part(T5EncoderModel, info.path, "text_encoder_2", target)
        read = tokenizer(T5Tokenizer, info.path / "tokenizer_2", t5.config.vocab_size)
    text = FluxText(clip, words, T5Text(t5, read, patches, FLUX_READING), patches)

    def network() -> FlowTransformer:
        model = _transformer(info.path, found.transformer, target)
        return FlowTransformer(
            model,
            velocity,
            model.config["in_channels"] // PACK**2,
            [*model.transformer_blocks, *model.single_transformer_blocks],
            guidance=TOLD if model.config["guidance_embeds"] else None,
            compiled=target.compile,
            patches=patches,
        )

    scheduler = dict(FLUX.scheduler_config(info))
    return assembled(info, target, tiny_decoder, scheduler, patches, text, network, vae)


def _transformer(path: Path, config: Mapping[str, Any], target: Target) -> FluxTransformer2DModel:
    if path.is_dir():
        return load_part(FluxTransformer2DModel, path, "transformer", target)
    return files.loaded(lambda: FluxTransformer2DModel(**config), files.flux_names, path, target)


def modules(folder: Path) -> Mapping[str, nn.Module]:
    """See `Family.skeleton`."""
    return skeleton(folder, FluxTransformer2DModel, READERS)


def velocity(model: Callable[..., Any], asked: Asked) -> torch.Tensor:
    """How the transformer is asked; see `Asking`.

    A token is a square of 2 x 2 latent positions, its channels outermost.
    """
    x, context = asked.x, asked.prompts.context
    height, width = (side // PACK for side in x.shape[2:])
    told = None
    if asked.guidance is not None:
        told = torch.full((len(x),), asked.guidance, device=x.device)
    made: torch.Tensor = model(
        hidden_states=packed(x, PACK),
        timestep=asked.timestep / TIMES,
        guidance=told,
        pooled_projections=asked.prompts.pooled,
        encoder_hidden_states=context,
        txt_ids=torch.zeros(context.shape[1], 3, device=x.device, dtype=x.dtype),
        img_ids=places(height, width, x.device).to(x.dtype),
        return_dict=False,
    )[0]
    return unpacked(made, PACK, height, width)
