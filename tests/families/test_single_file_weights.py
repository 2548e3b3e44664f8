"""Weights of a single file under the libraries' names; parity stands in tests/parity."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.contracts.errors import ModelProblem
from backend.families.single_file import Original, inspect_original
from backend.families.single_file_weights import OriginalParts, load_original
from backend.models.catalog.card import Card
from tests.original import original_checkpoint

CLIP = "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight"
CONV_IN = "model.diffusion_model.input_blocks.0.0.weight"
QUANT = "first_stage_model.post_quant_conv.weight"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return original_checkpoint(tmp_path_factory.mktemp("sd1") / "one.safetensors", "sd1")


def original(path: Path) -> Original:
    return inspect_original(path, Card())


def loaded(path: Path, dtype: torch.dtype = torch.float32) -> OriginalParts:
    return load_original(path, original(path), dtype)


def test_every_part_has_the_files_own_numbers(path: Path) -> None:
    parts, tensors = loaded(path), load_file(path)
    assert torch.equal(parts.unet.conv_in.weight, tensors[CONV_IN])
    assert torch.equal(parts.vae.post_quant_conv.weight, tensors[QUANT])
    text = parts.text_encoder.state_dict()
    assert torch.equal(text["encoder.layers.0.self_attn.q_proj.weight"], tensors[CLIP])
    assert parts.text_encoder_2 is None


def test_they_come_in_the_precision_that_is_asked_for(path: Path) -> None:
    parts = loaded(path, torch.bfloat16)
    assert parts.unet.dtype == parts.vae.dtype == parts.text_encoder.dtype == torch.bfloat16
    assert torch.equal(parts.unet.conv_in.weight, load_file(path)[CONV_IN].bfloat16())


def test_sdxl_has_a_second_encoder_and_an_autoencoder_in_float32(tmp_path: Path) -> None:
    parts = loaded(original_checkpoint(tmp_path / "xl.safetensors", "sdxl"), torch.float16)
    assert parts.text_encoder_2 is not None
    assert parts.text_encoder_2.dtype == parts.unet.dtype == torch.float16
    assert parts.vae.dtype == torch.float32


@pytest.mark.parametrize("name", [CLIP, CONV_IN, QUANT])
@pytest.mark.parametrize("damage", ["missing", "shape"])
def test_a_tensor_that_is_not_right_is_an_error(
    path: Path, tmp_path: Path, name: str, damage: str
) -> None:
    tensors = load_file(path)
    whole = tensors.pop(name)
    if damage == "shape":
        tensors[name] = torch.zeros(*whole.shape, 2)
    other = tmp_path / "other.safetensors"
    save_file(tensors, other)
    with pytest.raises(ModelProblem, match=r"other\.safetensors"):
        load_original(other, original(path), torch.float32)
