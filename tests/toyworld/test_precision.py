"""A training computes in what the processor is quicker with."""

from __future__ import annotations

import pytest
import torch

from backend.models.memory.devices import Target
from toyworld import precision


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_passes_run_in_the_devices_own_precision(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(precision, "pick", lambda device: Target(torch.device(device), dtype))
    assert precision.training_dtype() is dtype
    layer = torch.nn.Linear(2, 2)
    with precision.swift_precision():
        assert layer(torch.ones(1, 2)).dtype is dtype


def test_half_precision_trains_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    half = Target(torch.device("cpu"), torch.float16)
    monkeypatch.setattr(precision, "pick", lambda device: half)
    assert precision.training_dtype() is torch.bfloat16
