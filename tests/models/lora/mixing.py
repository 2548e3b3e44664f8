"""A small model to mix LoRAs into, and what is compared of it."""

from __future__ import annotations

import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from tests import lora_files as files
from tests.tiny import tiny_unet

ALL = files.ATTENTION + files.CONVOLUTIONS + files.TEXT


def make_parts(dtype: torch.dtype = torch.float32) -> dict[str, nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=64,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
            )
        )
        parts: dict[str, nn.Module] = {"unet": tiny_unet(), "text_encoder": text}
    for part in parts.values():
        part.to(dtype).eval().requires_grad_(False)
    return parts


def image_of(parts: dict[str, nn.Module]) -> dict[str, bytes]:
    return {
        f"{part}.{name}": tensor.detach().contiguous().view(torch.uint8).numpy().tobytes()
        for part, model in parts.items()
        for name, tensor in model.state_dict().items()
    }


def call(unet: nn.Module, batch: int = 2, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    dtype = next(unet.parameters()).dtype
    x = torch.randn(batch, 4, 8, 8, generator=generator).to(dtype)
    context = torch.randn(batch, 7, 32, generator=generator).to(dtype)
    with torch.no_grad():
        return unet(x, torch.full((batch,), 500.0), encoder_hidden_states=context).sample.float()
