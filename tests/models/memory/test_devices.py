from __future__ import annotations

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.memory import devices
from backend.models.memory.devices import Target, pick


def test_cpu_precision_follows_its_bf16_units(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, capabilities, expected in (
        ("Intel", {"amx_bf16": True}, torch.bfloat16),
        ("Intel", {"avx512_bf16": True, "amx_bf16": False}, torch.float32),
        ("AMD EPYC", {"avx512_bf16": True}, torch.bfloat16),
        ("AMD EPYC", {"avx512_f": True}, torch.float32),
        ("", {}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda c=capabilities: c)
        monkeypatch.setattr(devices, "hardware", lambda _, n=name: n)
        assert pick("cpu") == Target(torch.device("cpu"), expected)


def test_a_gpu_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for capability, expected in (((9, 0), torch.bfloat16), ((7, 5), torch.float16)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, c=capability: c)
        assert pick() == Target(torch.device("cuda"), expected)
        assert pick("auto", "auto") == pick()
    assert pick("cuda:1", "fp16").device == torch.device("cuda:1")
    with pytest.raises(BadInput, match="no bfloat16"):
        pick("cuda", "bf16")
    with pytest.raises(BadInput, match="GPU number 2; the last one is 1"):
        pick("cuda:2")


def test_apples_gpu_comes_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick() == Target(torch.device("mps"), torch.float16)


@pytest.mark.parametrize(
    ("device", "dtype", "message"),
    [
        ("warp", None, "no device 'warp'"),
        ("meta", None, "no device 'meta'"),
        ("cuda:x", None, "no device"),
        ("cuda", None, "No CUDA GPU"),
        ("mps", None, "MPS"),
        ("cpu", "int8", "no dtype 'int8'"),
        ("cpu", "float16", "choose bfloat16 or float32"),
    ],
)
def test_what_cannot_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, device: str, dtype: str | None, message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(BadInput, match=message):
        pick(device, dtype)


@pytest.mark.parametrize("name", list(devices.DTYPES))
def test_dtype_names(name: str) -> None:
    if devices.DTYPES[name] is not torch.float16:
        assert pick("cpu", name.upper()).dtype is devices.DTYPES[name]


def test_convolutions_are_laid_out_as_the_device_likes() -> None:
    assert pick("cpu", "bf16").memory_format is torch.channels_last
    assert pick("cpu", "float32").memory_format is torch.channels_last
    gpu = torch.device("cuda")
    assert Target(gpu, torch.float16).memory_format is torch.channels_last
    assert Target(gpu, torch.float32).memory_format is torch.contiguous_format
    assert pick("cpu", "bf16").dtype_name == "bfloat16"
