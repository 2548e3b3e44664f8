"""DoRA: the weight that PEFT computes with, LyCORIS' formula, and W0 back bit for bit."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from backend.contracts.errors import ModelProblem
from backend.models.lora import dora
from backend.models.lora.file import inspect, read
from backend.models.lora.mix import LoraMixer
from backend.models.patches import PatchStack
from tests.tiny import tiny_unet

TARGETS = ["to_q", "to_v", "conv1", "proj_in"]


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def unet() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tiny_unet().eval().requires_grad_(False)


def call(unet: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        context = random(2, 7, 32, seed=2)
        x = random(2, 4, 8, 8, seed=1)
        return unet(x, torch.full((2,), 500.0), encoder_hidden_states=context).sample


@pytest.fixture(scope="module")
def peft_unet(unet: nn.Module) -> nn.Module:
    config = peft.LoraConfig(r=3, lora_alpha=2, use_dora=True, target_modules=TARGETS)
    adapted = peft.inject_adapter_in_model(config, deepcopy(unet))
    with torch.no_grad():
        for number, (name, value) in enumerate(adapted.named_parameters()):
            if "lora_" in name:
                noise = random(*value.shape, seed=number)
                value += 0.1 * noise if "magnitude" in name else 0.3 * noise
    return adapted.eval()


def written(adapted: nn.Module, path: Path, prefix: str) -> Path:
    tensors = peft.get_peft_model_state_dict(adapted)
    named = {f"{prefix}{key}": value.contiguous() for key, value in tensors.items()}
    assert sum("magnitude" in key for key in named) > 4
    settings = {"unet.lora_alpha": 2, "unet.r": 3, "unet.use_dora": True}
    save_file(named, path, {"lora_adapter_metadata": json.dumps(settings)})
    return path


@pytest.mark.parametrize("prefix", ["unet.", "unet.base_model.model."])
def test_at_weight_1_it_is_pefts(
    unet: nn.Module, peft_unet: nn.Module, tmp_path: Path, prefix: str
) -> None:
    lora = read(written(peft_unet, tmp_path / "d.safetensors", prefix))
    before = {name: value.clone() for name, value in unet.state_dict().items()}
    plain, wanted = call(unet), call(peft_unet)
    for tolerance in (0.02, -1.0):  # merged; beside the weights
        mixer = LoraMixer({"unet": unet}, PatchStack(), tolerance=tolerance)
        with mixer.applied([(lora, 1.0)]):
            assert torch.allclose(call(unet), wanted, atol=2e-5)
        assert all(torch.equal(before[n], v) for n, v in unet.state_dict().items())
    assert not torch.allclose(plain, wanted, atol=1e-2)


def test_a_weight_scales_the_whole_difference(
    unet: nn.Module, peft_unet: nn.Module, tmp_path: Path
) -> None:
    lora = read(written(peft_unet, tmp_path / "d.safetensors", "unet."))
    path, delta = next(iter(lora.deltas.items()))
    module = unet.get_submodule(path.removeprefix("unet."))
    assert delta.magnitude is not None
    original = module.weight.clone()
    change = delta.scale * delta.B.flatten(1) @ delta.A.flatten(1)
    whole = dora.difference(original, change, delta.magnitude).reshape(original.shape)
    with LoraMixer({"unet": unet}, PatchStack()).applied([(lora, 0.5)]):
        assert torch.allclose(module.weight, original + 0.5 * whole, atol=1e-6)


@pytest.mark.parametrize("shape", [(12, 8), (12, 8, 3, 3)])
def test_lycoris_keeps_inputs_or_outputs(shape: tuple[int, ...]) -> None:
    """With the magnitudes of W0 + BA itself, and both formulas written out."""
    weight, change = random(*shape, seed=1), 0.1 * random(*shape, seed=2)
    new = weight + change
    by_output = 2 * new.reshape(12, -1).norm(dim=1)[:, None]
    by_input = 2 * new.transpose(0, 1).reshape(8, -1).norm(dim=1)[None]
    for magnitude in (by_output, by_input):
        made = dora.difference(weight, change.flatten(1), magnitude).reshape(shape)
        assert torch.allclose(made, 2 * new - weight, atol=1e-5)


@pytest.mark.parametrize(
    ("key", "shape", "found"),
    [
        ("x.dora_scale", (12, 1), (12, 1)),
        ("x.dora_scale", (12, 1, 1, 1), (12, 1)),
        ("x.dora_scale", (1, 8), (1, 8)),
        ("x.dora_scale", (1, 8, 1, 1), (1, 8)),
        ("x.lora_magnitude_vector", (12,), (12, 1)),
        ("x.lora_magnitude_vector", (1, 12, 1, 1), (12, 1)),
    ],
)
def test_which_side_is_kept(key: str, shape: tuple[int, ...], found: tuple[int, int]) -> None:
    assert dora.check(key, shape, 12, 8) == found


@pytest.mark.parametrize("shape", [(8,), (1, 12), (), (12, 8)])
def test_magnitudes_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelProblem, match="do not match"):
        dora.check("x.dora_scale" if shape != (8,) else "x.lora_magnitude_vector", shape, 12, 8)


def test_kohyas_file_with_some_doras(tmp_path: Path) -> None:
    base = "lora_unet_down_blocks_0_attentions_0_proj_in"
    path = tmp_path / "k.safetensors"
    tensors = {
        f"{base}.lora_down.weight": random(4, 16, seed=1),
        f"{base}.lora_up.weight": random(16, 4, seed=2),
        f"{base}.alpha": torch.tensor(2.0),
        f"{base}.dora_scale": random(1, 16, seed=3).abs(),
    }
    save_file(tensors, path)
    (shape,) = inspect(path).layers.values()
    assert shape.magnitude == (1, 16)
    (delta,) = read(path).deltas.values()
    assert (delta.scale, delta.magnitude is not None) == (0.5, True)
    save_file({**tensors, "lora_unet_other.dora_scale": torch.ones(1, 16)}, path)
    assert "belongs to no LoRA" in (inspect(path).problem or "")
