"""Layers that are fitted: put in, set aside, weighed, written, taken up again, taken out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from backend.contracts.errors import BadInput, StorageProblem
from backend.training import adapter
from backend.training.adapter import (
    ATTENTION,
    Parameters,
    adapted,
    at_weight,
    load_state,
    save_lora,
    save_state,
    taken_out,
)

X = torch.ones(1, 6)


class Block(nn.Module):
    """Layers of which only those of attention, or a convolution, may be asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.Module()
        self.attn.to_q = nn.Linear(6, 4, bias=False)
        self.attn.to_out = nn.Sequential(nn.Linear(6, 4))
        self.conv1 = nn.Conv2d(3, 5, 3)
        self.other = nn.Linear(6, 6)


@pytest.fixture
def unet() -> nn.Module:
    return Block().requires_grad_(False)


def layers(unet: nn.Module) -> dict[str, nn.Module]:
    return dict(unet.named_modules())


def test_fresh_layers_change_nothing_and_repeat_by_seed(unet: nn.Module) -> None:
    plain = unet.attn.to_q(X)
    firsts: list[torch.Tensor] = []
    for seed in (1, 1, 2):
        with adapted(unet, 2, 4.0, seed) as parameters:
            assert set(parameters) == {
                f"unet.attn.{layer}.lora_{factor}.weight"
                for layer in ("to_q", "to_out.0")
                for factor in "AB"
            }
            assert torch.equal(unet.attn.to_q(X), plain)
            firsts.append(parameters["unet.attn.to_q.lora_A.weight"].detach().clone())
            assert not parameters["unet.attn.to_q.lora_B.weight"].any()
    assert firsts[0].shape == (2, 6)
    assert torch.equal(firsts[0], firsts[1])
    assert not torch.equal(firsts[0], firsts[2])
    wanted = torch.randn((2, 6), generator=torch.Generator().manual_seed(1)) / 2
    assert torch.equal(firsts[0], wanted)


def test_only_they_are_fitted_and_the_seed_of_others_stays(unet: nn.Module) -> None:
    unet.other.weight.requires_grad_(True)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    with adapted(unet, 2, 2.0, 0) as parameters:
        fitted = {id(value) for value in unet.parameters() if value.requires_grad}
        assert fitted == {id(value) for value in parameters.values()}
        assert {value.dtype for value in parameters.values()} == {torch.float32}
    assert torch.equal(torch.rand(3), wanted)
    assert [n for n, value in unet.named_parameters() if value.requires_grad] == ["other.weight"]


def test_a_convolution_keeps_its_kernel(unet: nn.Module) -> None:
    with adapted(unet, 2, 2.0, 0, (*ATTENTION, "conv1")) as parameters:
        assert parameters["unet.conv1.lora_A.weight"].shape == (2, 3, 3, 3)
        assert parameters["unet.conv1.lora_B.weight"].shape == (5, 2, 1, 1)


def fail() -> None:
    raise ZeroDivisionError


def test_its_own_layers_are_back_even_after_a_failure(unet: nn.Module) -> None:
    before, attributes = layers(unet), set(unet.__dict__)
    with pytest.raises(ZeroDivisionError), adapted(unet, 2, 2.0, 0):
        fail()
    after = layers(unet)
    assert list(after) == list(before)
    assert all(after[name] is module for name, module in before.items())
    assert set(unet.__dict__) == attributes


@pytest.fixture
def fitted(unet: nn.Module) -> Iterator[Parameters]:
    """One whose B is 1, under alpha / r = 2."""
    with adapted(unet, 2, 4.0, 0) as parameters:
        for name, value in parameters.items():
            if "lora_B" in name:
                value.data.fill_(1.0)
        yield parameters


@torch.no_grad()
def change(unet: nn.Module) -> float:
    """What the adapter adds to the first output of `to_q`."""
    layer = unet.attn.to_q
    plain = layer.get_base_layer() if isinstance(layer, LoraLayer) else layer
    return float((layer(X) - plain(X))[0, 0])


def test_another_job_finds_the_plain_layers(unet: nn.Module, fitted: Parameters) -> None:
    whole = change(unet)
    a = fitted["unet.attn.to_q.lora_A.weight"]
    assert whole == pytest.approx(2.0 * float(a.detach().sum()), abs=1e-5)
    with taken_out(unet):
        assert change(unet) == 0.0
        assert not any(isinstance(module, LoraLayer) for module in unet.modules())
    assert change(unet) == whole
    with pytest.raises(ZeroDivisionError), taken_out(unet):
        fail()
    assert change(unet) == whole


def test_it_acts_at_a_part_of_its_weight(unet: nn.Module, fitted: Parameters) -> None:
    whole = change(unet)
    with at_weight(unet, 0.25):
        assert change(unet) == pytest.approx(whole / 4, abs=1e-5)
        with at_weight(unet, 0.0):
            assert change(unet) == 0.0
        assert change(unet) == pytest.approx(whole / 4, abs=1e-5)
    assert change(unet) == whole


def test_a_lora_says_what_it_is(tmp_path: Path, fitted: Parameters) -> None:
    path = tmp_path / "new" / "ink.safetensors"
    save_lora(path, fitted, torch.float16, 2, 4.0, ATTENTION, {"trigger_words": "ink"})
    tensors = load_file(path)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert set(tensors) == set(fitted)
    with safe_open(path, framework="pt") as file:
        notes = file.metadata()
    assert (notes["format"], notes["rank"], notes["alpha"]) == ("pt", "2", "4.0")
    assert notes["trigger_words"] == "ink"
    assert json.loads(notes["lora_adapter_metadata"]) == {
        "unet.r": 2,
        "unet.lora_alpha": 4.0,
        "unet.target_modules": list(ATTENTION),
    }
    assert [file.name for file in path.parent.iterdir()] == ["ink.safetensors"]


def stepped(parameters: Parameters, optimizer: torch.optim.AdamW, times: int) -> None:
    for time in range(times):
        for place, value in enumerate(parameters.values()):
            value.grad = torch.full_like(value, math.sin(1.0 + place + time))
        optimizer.step()


def adam(parameters: Parameters) -> torch.optim.AdamW:
    return torch.optim.AdamW(parameters.values(), lr=1e-2)


def test_a_fit_goes_on_bit_for_bit(unet: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    with adapted(unet, 2, 4.0, 0) as parameters:
        optimizer = adam(parameters)
        stepped(parameters, optimizer, 3)
        save_state(path, parameters, optimizer, 3, "recipe")
        stepped(parameters, optimizer, 2)
        wanted = {name: value.detach().clone() for name, value in parameters.items()}
    with adapted(unet, 2, 4.0, 9) as parameters:
        optimizer = adam(parameters)
        assert load_state(path, parameters, optimizer, "recipe") == 3
        # The gradients of the two steps that were left.
        for time in (0, 1):
            for place, value in enumerate(parameters.values()):
                value.grad = torch.full_like(value, math.sin(1.0 + place + time))
            optimizer.step()
        assert all(torch.equal(value, wanted[name]) for name, value in parameters.items())


def test_a_state_before_the_first_step_has_no_moments(unet: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    with adapted(unet, 2, 4.0, 0) as parameters:
        save_state(path, parameters, adam(parameters), 0, "recipe")
        assert load_state(path, parameters, adam(parameters), "recipe") == 0
        assert load_state(tmp_path / "none", parameters, adam(parameters), "recipe") == 0
    moments = [value for name, value in load_file(path).items() if "exp_avg" in name]
    assert len(moments) == 8
    assert not any(moment.any() for moment in moments)


def test_a_state_of_another_fit_is_refused(unet: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "ink.state"
    with adapted(unet, 2, 4.0, 0) as parameters:
        save_state(path, parameters, adam(parameters), 3, "recipe")
        with pytest.raises(BadInput) as error:
            load_state(path, parameters, adam(parameters), "another")
    assert str(error.value) == (
        "The unfinished fit 'ink.state' was made with other pictures or settings; start anew, "
        "or choose another name."
    )


@pytest.mark.parametrize("damage", ["cut", "lacks", "shape"])
def test_a_damaged_state_is_named(unet: nn.Module, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "ink.state"
    with adapted(unet, 2, 4.0, 0) as parameters:
        save_state(path, parameters, adam(parameters), 3, "recipe")
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:-9])
        elif damage == "lacks":
            save_state(path, dict(list(parameters.items())[:1]), adam(parameters), 3, "recipe")
        else:
            wrong: Any = {name: nn.Parameter(torch.zeros(7, 7)) for name in parameters}
            save_state(path, wrong, adam(wrong), 3, "recipe")
        with pytest.raises(StorageProblem, match=r"fit 'ink\.state' is damaged; start anew \("):
            load_state(path, parameters, adam(parameters), "recipe")


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    unet: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ink.safetensors"
    path.write_bytes(b"old")

    def full(*given: object, **options: object) -> None:
        Path(str(given[1])).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(adapter, "save_file", full)
    with (
        adapted(unet, 2, 4.0, 0) as parameters,
        pytest.raises(StorageProblem, match=r"ink\.safetensors could not be written; make room"),
    ):
        save_lora(path, parameters, torch.float32, 2, 4.0, ATTENTION, {})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
