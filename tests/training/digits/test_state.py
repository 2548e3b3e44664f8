"""The state on disk: bit for bit, of the same settings alone, never half of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from backend.contracts.errors import BadInput, StorageProblem
from backend.training.digits.state import Done, load_state, save_state, state_path


def made(seed: int) -> tuple[dict[str, nn.Module], torch.optim.Optimizer]:
    torch.manual_seed(seed)
    networks: dict[str, nn.Module] = {"unet": nn.Linear(2, 2), "average": nn.Linear(2, 2)}
    optimizer = torch.optim.Adam(networks["unet"].parameters(), lr=0.1)
    networks["unet"](torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return networks, optimizer


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    path = state_path(tmp_path, "a b")
    networks, optimizer = made(0)
    save_state(path, networks, optimizer, Done(7, 1.25), (10, 0.001))
    assert os.listdir(path.parent) == ["a b.state.safetensors"]
    others, other = made(1)
    assert load_state(path, others, other, (10, 0.001)) == Done(7, 1.25)
    for name, network in networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(others[name].state_dict()[key], value)
    parameters = zip(networks["unet"].parameters(), others["unet"].parameters(), strict=True)
    for before, after in parameters:
        assert torch.equal(optimizer.state[before]["exp_avg_sq"], other.state[after]["exp_avg_sq"])
        assert other.state[after]["step"] == 7


def test_other_settings_are_refused(tmp_path: Path) -> None:
    path = state_path(tmp_path, "a")
    networks, optimizer = made(0)
    save_state(path, networks, optimizer, Done(7), (10, 0))
    with pytest.raises(BadInput, match="another width"):
        load_state(path, networks, optimizer, (12, 0))


def test_a_damaged_one_is_said(tmp_path: Path) -> None:
    path = state_path(tmp_path, "a")
    path.parent.mkdir()
    path.write_bytes(b"nothing")
    networks, optimizer = made(0)
    with pytest.raises(StorageProblem, match="missing or damaged"):
        load_state(path, networks, optimizer, (10, 0))
