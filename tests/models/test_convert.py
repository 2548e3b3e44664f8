"""Pickles become safetensors files, and nothing in them runs."""

from __future__ import annotations

import os
import pickle
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from backend.contracts.errors import ModelProblem
from backend.models import convert as command
from backend.models.convert import convert


class _Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("nested", [(), ("params_ema",), ("state_dict",), ("string_to_param",)])
def test_the_same_tensors(tmp_path: Path, nested: tuple[str, ...]) -> None:
    tensors = {"body.0.weight": torch.rand(4, 3), "body.0.bias": torch.rand(4)}
    kept: object = tensors
    for key in nested:
        kept = {key: kept, "optimizer": {"other": torch.zeros(1)}}
    torch.save(kept, tmp_path / "x.pth")
    made = convert(tmp_path / "x.pth")
    assert made.name == "x.safetensors"
    found = load_file(made)
    assert found.keys() == tensors.keys()
    assert all((found[name] == tensors[name]).all() for name in tensors)


def test_code_in_it_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(_Runs(tmp_path / "ran"), protocol=2))
    torch.save({"a": torch.zeros(1), "b": _Runs(tmp_path / "ran")}, tmp_path / "wicked.pth")
    for name in ("evil.pth", "wicked.pth"):
        with pytest.raises(ModelProblem, match="without running code"):
            convert(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.pth", "wicked.pth"]


def test_a_file_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1).expand(2**24, 2**10)}, tmp_path / "wide.bin")
    with zipfile.ZipFile(tmp_path / "packed.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(2**23))
    for name in ("wide.bin", "packed.bin"):
        with pytest.raises(ModelProblem, match="far more numbers"):
            convert(tmp_path / name)
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_folders_part_becomes_what_is_looked_for(tmp_path: Path) -> None:
    for name, wanted in (("pytorch_model", "model"), ("diffusion_pytorch_model",) * 2):
        torch.save({"a": torch.zeros(1)}, tmp_path / f"{name}.bin")
        assert convert(tmp_path / f"{name}.bin").name == f"{wanted}.safetensors"


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "x.pth")
    (tmp_path / "x.safetensors").write_bytes(b"mine")
    with pytest.raises(ModelProblem, match="there already"):
        convert(tmp_path / "x.pth")
    assert (tmp_path / "x.safetensors").read_bytes() == b"mine"


def test_the_command_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"epoch": 3}, tmp_path / "x.pth")
    monkeypatch.setattr(sys, "argv", ["convert", str(tmp_path / "x.pth")])
    assert command.main() == 1
    assert "x.pth holds no tensors." in capsys.readouterr().err
