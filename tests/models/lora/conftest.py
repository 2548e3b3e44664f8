"""LoRA files and the model they are for, made once for each test module."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from backend.models.lora.file import LoraFile, read
from tests import lora_files as files
from tests.models.lora.mixing import ALL, make_parts
from tests.tiny import tiny_unet


@pytest.fixture(scope="module")
def loras(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoraFile, ...]:
    """Of the whole model, of the attention of the UNet, of its convolutions."""
    folder: Path = tmp_path_factory.mktemp("loras")
    parts = make_parts()
    unet = {"unet": parts["unet"]}
    made = (
        files.kohya_keys(files.random_factors(parts, ALL, seed=1), alpha=2.0),
        files.diffusers_keys(files.random_factors(unet, files.ATTENTION, seed=2, rank=3)),
        files.kohya_keys(files.random_factors(unet, files.CONVOLUTIONS, seed=3, rank=5)),
    )
    return tuple(
        read(files.write(folder / f"lora{index}.safetensors", tensors))
        for index, tensors in enumerate(made)
    )


@pytest.fixture(scope="module")
def parts() -> dict[str, nn.Module]:
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
    return {"unet": tiny_unet(), "text_encoder": text}
