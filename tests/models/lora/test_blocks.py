"""Which block a layer is in, and LoRAs under factors against the same LoRA cut by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn

from backend.contracts.errors import BadInput
from backend.contracts.settings import blocks
from backend.models.lora.blocks import block_of, layout, scaled
from backend.models.lora.file import LoraFile, read
from backend.models.lora.mix import LoraMixer
from backend.models.patches import PatchStack
from backend.models.tensors import named_modules
from tests import lora_files as files
from tests.tiny import tiny_unet

ORIGINAL = {
    "unet.conv_in": "IN00",
    "unet.down_blocks.0.resnets.0.conv1": "IN01",
    "unet.down_blocks.0.attentions.1.proj_in": "IN02",
    "unet.down_blocks.0.downsamplers.0.conv": "IN03",
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "IN04",
    "unet.down_blocks.3.resnets.1.conv2": "IN11",
    "unet.mid_block.attentions.0.proj_in": "MID",
    "unet.up_blocks.0.resnets.0.conv1": "OUT00",
    "unet.up_blocks.0.upsamplers.0.conv": "OUT02",
    "unet.up_blocks.1.attentions.0.proj_in": "OUT03",
    "unet.up_blocks.3.attentions.2.proj_out": "OUT11",
    "unet.time_embedding.linear_1": None,
    "text_encoder.encoder.layers.0.self_attn.q_proj": "BASE",
}


def test_blocks_are_counted_as_in_the_original_code() -> None:
    assert {path: block_of(path, 2) for path in ORIGINAL} == ORIGINAL


def test_every_layer_of_a_side_is_in_a_block_of_it() -> None:
    unet = tiny_unet()
    levels, resnets = layout(unet)
    every = blocks.names(levels * (resnets + 1))
    found = {block_of(f"unet.{name}", resnets) for name, _ in named_modules(unet) if "." in name}
    assert found - {None} <= set(every)
    assert {"IN01", "MID", every[-1]} <= found
    assert layout(nn.Linear(2, 2)) == (0, 0)


@pytest.fixture(scope="module")
def unet() -> UNet2DConditionModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tiny_unet().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def lora(unet: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> LoraFile:
    made = files.random_factors({"unet": unet}, files.ATTENTION + files.CONVOLUTIONS, seed=1)
    path = tmp_path_factory.mktemp("loras") / "ink.safetensors"
    return read(files.write(path, files.diffusers_keys(made)))


def drawn(unet: nn.Module, file: LoraFile, tolerance: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 8, 8, generator=generator)
    context = torch.randn(2, 7, 32, generator=generator)
    mixer = LoraMixer({"unet": unet}, PatchStack(), tolerance=tolerance)
    with mixer.applied([(file, 0.8)]), torch.no_grad():
        return unet(x, torch.full((2,), 500.0), encoder_hidden_states=context).sample


def cut(file: LoraFile, path: Path, keep: Callable[[str], float]) -> LoraFile:
    """The file written anew, each layer's up factor times what `keep` says."""
    made = {
        name: files.Factors(delta.A, delta.B * delta.scale * keep(name))
        for name, delta in file.deltas.items()
        if keep(name)
    }
    return read(files.write(path, files.diffusers_keys(made)))


@pytest.mark.parametrize("tolerance", [0.02, -1.0])
def test_factors_are_the_lora_with_its_blocks_cut(
    unet: nn.Module, lora: LoraFile, tmp_path: Path, tolerance: float
) -> None:
    _, resnets = layout(unet)
    weighed = scaled(lora, "MID=0,OUT=0.5,IN01=-1", {"unet": unet})
    wanted = {"MID": 0.0, "IN01": -1.0}

    def keep(path: str) -> float:
        block = block_of(path, resnets) or ""
        return 0.5 if block.startswith("OUT") else wanted.get(block, 1.0)

    by_hand = cut(lora, tmp_path / "cut.safetensors", keep)
    assert set(weighed.deltas) == set(by_hand.deltas) < set(lora.deltas)
    got = drawn(unet, weighed, tolerance)
    torch.testing.assert_close(got, drawn(unet, by_hand, tolerance), rtol=1e-5, atol=1e-5)
    assert (got - drawn(unet, lora, tolerance)).abs().max() > 1e-2
    assert torch.equal(drawn(unet, scaled(lora, "", {"unet": unet}), 0.02), drawn(unet, lora, 0.02))


def test_other_factors_are_another_content(unet: nn.Module, lora: LoraFile) -> None:
    parts = {"unet": unet}
    hashes = {scaled(lora, text, parts).content_hash for text in ("", "MID=0", "MID=0.5")}
    assert len(hashes) == 3
    assert scaled(lora, "MID=0", parts).data_hash == lora.data_hash


def test_a_model_of_other_blocks_says_so(unet: nn.Module, lora: LoraFile) -> None:
    with pytest.raises(BadInput, match="do not fit this model: it takes"):
        scaled(lora, "1,1,1", {"unet": unet})
    with pytest.raises(BadInput, match="only U-Nets have such blocks"):
        scaled(lora, "MID=0", {"transformer": nn.Linear(2, 2)})
