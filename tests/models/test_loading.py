from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint, module_bytes
from backend.models.memory.devices import pick

UNET = "unet/diffusion_pytorch_model.safetensors"
CPU = pick("cpu", "float32")


@pytest.fixture
def info(root: Path, tmp_path: Path) -> ModelInfo:
    """A checkpoint that the catalog found whole; a test then damages its copy."""
    shutil.copytree(root / "checkpoints" / "tiny-v", tmp_path / "checkpoints" / "x")
    return Catalog([tmp_path], FAMILIES).checkpoint("x")


def rewrite(path: Path, change: dict[str, torch.Tensor | None]) -> None:
    tensors = {**load_file(path), **change}
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_file(kept, path, metadata={"format": "pt"})


def test_what_a_checkpoint_tells(v: Checkpoint) -> None:
    assert v.name == "tiny-v"
    assert v.prediction_type == "v_prediction"
    assert v.native_size == (96, 96)
    assert v.card.guidance_scale == 4.0
    assert (v.latent_channels, v.vae_factor) == (4, 8)
    assert v.scheduler_config["beta_schedule"] == "scaled_linear"
    assert len(v.hash) == 10


def test_weights_are_frozen_and_counted_exactly(v: Checkpoint) -> None:
    modules = (v.text.model, v.network.model, v.codec.model)
    tensors = [t for m in modules for t in (*m.parameters(), *m.buffers())]
    assert not any(module.training for module in modules)
    assert not any(tensor.requires_grad for tensor in tensors)
    assert v.nbytes == sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    shared = torch.nn.ModuleList([torch.nn.Linear(3, 3)] * 2)
    assert module_bytes(shared) == 12 * 4


def test_dtype_and_layout_are_set(info: ModelInfo, v: Checkpoint) -> None:
    half = FAMILIES.load(info, pick("cpu", "bfloat16"))
    assert half.network.model.dtype == half.codec.model.dtype == torch.bfloat16
    assert half.text.model.dtype == torch.bfloat16
    assert half.network.model.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    assert v.network.model.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    one = torch.ones(1)
    level = type("Level", (), {"alpha": one, "sigma": one, "timestep": 400 * one})()
    x0 = [m.network.denoiser([m.text.encode(["a fish"])])(x, level) for m in (half, v)]
    assert x0[0].dtype == torch.float32
    assert (x0[0] - x0[1]).norm() < 0.03 * x0[1].norm()


def test_half_precision_files_and_variants_load(info: ModelInfo) -> None:
    path = info.path / UNET
    tensors = {name: tensor.half() for name, tensor in load_file(path).items()}
    path.unlink()
    variant = path.with_name("diffusion_pytorch_model.fp16.safetensors")
    save_file(tensors, variant, metadata={"format": "pt"})
    loaded = FAMILIES.load(info, CPU)
    assert loaded.network.model.dtype == torch.float32


@pytest.mark.parametrize(
    "file",
    [UNET, "vae/config.json", "text_encoder/model.safetensors", "scheduler/scheduler_config.json"],
)
def test_a_file_that_went_missing_is_named(info: ModelInfo, file: str) -> None:
    (info.path / file).unlink()
    with pytest.raises(ModelProblem, match=file):
        FAMILIES.load(info, CPU)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_missing_tensor_is_not_replaced_by_noise(info: ModelInfo, part: str) -> None:
    path = next((info.path / part).glob("*.safetensors"))
    victim = next(name for name in load_file(path) if name.endswith("weight"))
    rewrite(path, {victim: None})
    with pytest.raises(ModelProblem, match=f"{part}/{path.name}"):
        FAMILIES.load(info, CPU)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_tensor_of_another_shape_is_named(info: ModelInfo, part: str) -> None:
    path = next((info.path / part).glob("*.safetensors"))
    victim = next(name for name in load_file(path) if name.endswith("weight"))
    rewrite(path, {victim: torch.zeros(3, 5)})
    with pytest.raises(ModelProblem, match=f"{part}/{path.name}"):
        FAMILIES.load(info, CPU)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(info: ModelInfo, value: float) -> None:
    bias = torch.zeros(16)
    bias[3] = value
    rewrite(info.path / UNET, {"conv_in.bias": bias})
    with pytest.raises(ModelProblem, match=r"'conv_in.bias' is not finite"):
        FAMILIES.load(info, CPU)


def test_weights_whose_sum_is_not_finite_are_taken(info: ModelInfo) -> None:
    rewrite(info.path / UNET, {"conv_in.bias": torch.full((16,), 3e38)})
    FAMILIES.load(info, CPU)


def test_a_config_that_builds_no_model_is_refused(info: ModelInfo) -> None:
    path = info.path / "unet" / "config.json"
    config = json.loads(path.read_text()) | {"down_block_types": ["NoSuchBlock", "DownBlock2D"]}
    path.write_text(json.dumps(config))
    with pytest.raises(ModelProblem, match="unet/"):
        FAMILIES.load(info, CPU)


def test_a_foreign_tokenizer_is_refused(info: ModelInfo) -> None:
    path = info.path / "tokenizer" / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["vocab"] |= {f"extra{n}": 605 + n for n in range(50)}
    path.write_text(json.dumps(tokenizer))
    with pytest.raises(ModelProblem, match="do not belong together"):
        FAMILIES.load(info, CPU)


def test_a_tiny_decoder_is_loaded_and_counted(info: ModelInfo, tmp_path: Path) -> None:
    from diffusers import AutoencoderTiny

    AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
    ).save_pretrained(tmp_path / "vae_approx" / "taesd")
    catalog = Catalog([tmp_path], FAMILIES)
    with_tiny = FAMILIES.load(info, CPU, catalog.tiny_decoder("taesd"))
    without = FAMILIES.load(replace(info, name="y"), CPU)
    assert with_tiny.previewer("tiny").kind == "tiny"
    assert with_tiny.tiny is not None
    assert with_tiny.nbytes == without.nbytes + module_bytes(with_tiny.tiny)
    assert without.previewer("tiny").kind == "fast"
