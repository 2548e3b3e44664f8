"""Loading Z-Image: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from torch import nn
from transformers import Qwen2Tokenizer, Qwen3Model

from backend.families import flow_file_loading as files
from backend.families.flow_loading import again, assembled, chat_tokenizer, skeleton, tokenizer
from backend.families.folder_loading import load_part
from backend.families.zimage import ZIMAGE, beside
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.transformer import Asked, FlowTransformer
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.text.qwen import QwenText

TIMES = 1000
# Qwen3's own, for a person's words and an answer to come.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


READERS: Mapping[str, type[nn.Module]] = {"text_encoder": Qwen3Model}


def load(info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
    """Loads a folder or a single file, see `Family.load`."""
    patches = PatchStack()
    found = again(ZIMAGE, info)
    vae = None
    if info.path.is_file():
        parts = beside(info.path, found.transformer)
        reader = files.qwen3(read_shapes(parts["qwen3"]), parts["qwen3"], target)
        folder = parts["qwen3 tokenizer"].parent
        words = tokenizer(Qwen2Tokenizer, folder, reader.config.vocab_size)
        words.chat_template = words.chat_template or TEMPLATE
        vae = files.vae(found.vae, parts["vae"], target)
    else:
        reader = load_part(Qwen3Model, info.path, "text_encoder", target)
        words = chat_tokenizer(info.path / "tokenizer", reader.config.vocab_size)

    def network() -> FlowTransformer:
        model = _transformer(info.path, found.transformer, target)
        return FlowTransformer(
            model,
            velocity,
            model.config["in_channels"],
            [*model.noise_refiner, *model.context_refiner, *model.layers],
            compiled=target.compile,
            patches=patches,
        )

    scheduler = dict(ZIMAGE.scheduler_config(info))
    text = QwenText(reader, words, patches)
    return assembled(info, target, tiny_decoder, scheduler, patches, text, network, vae)


def _transformer(path: Path, config: Mapping[str, Any], target: Target) -> ZImageTransformer2DModel:
    if path.is_dir():
        return load_part(ZImageTransformer2DModel, path, "transformer", target)
    return files.loaded(
        lambda: ZImageTransformer2DModel(**config), files.zimage_names, path, target
    )


def modules(folder: Path) -> Mapping[str, nn.Module]:
    """See `Family.skeleton`."""
    return skeleton(folder, ZImageTransformer2DModel, READERS)


def velocity(model: Callable[..., Any], asked: Asked) -> torch.Tensor:
    """How the transformer is asked; see `Asking`.

    Its time runs from noise to the picture, and so does what it predicts. Each sample is a film of
    one frame, and each prompt as long as it is.
    """
    frames = list(asked.x.unsqueeze(2).unbind())
    time = 1 - asked.timestep / TIMES
    made = model(frames, time, asked.prompts.alone, return_dict=False)[0]
    return -torch.stack([frame.float() for frame in made]).squeeze(2)
