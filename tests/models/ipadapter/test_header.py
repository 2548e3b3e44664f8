"""What an IP-Adapter's file is, and where its encoder is looked for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.contracts.errors import ModelProblem
from backend.models.ipadapter.header import encoder_of, shape_of
from tests.tiny import tiny_checkpoint
from tests.tiny_ipadapter import EMBEDDING, HIDDEN, tiny_encoder, tiny_ipadapter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    checkpoint = tiny_checkpoint(root / "checkpoints" / "tiny")
    for name in ("plain", "plus"):
        path = root / "ipadapter" / "models" / f"{name}.safetensors"
        tiny_ipadapter(checkpoint, path, plus=name == "plus")
    return root / "ipadapter"


def test_the_header_tells_widths_and_what_is_read(folder: Path) -> None:
    plain = shape_of(folder / "models" / "plain.safetensors")
    plus = shape_of(folder / "models" / "plus.safetensors")
    assert plain.layers == plus.layers
    assert {width for _, width in plain.layers} == {plain.width} == {32}
    assert (plain.seen, plain.whole) == (EMBEDDING, False)
    assert (plus.seen, plus.whole) == (HIDDEN, True)


def test_the_encoder_lies_beside_or_anywhere_below_the_folder(folder: Path, tmp_path: Path) -> None:
    path = folder / "models" / "plain.safetensors"
    assert encoder_of(path, shape_of(path)) == folder / "models" / "image_encoder"
    other = tmp_path / "IPAdapter" / "sdxl_models" / "a.safetensors"
    other.parent.mkdir(parents=True)
    shutil.copy(path, other)
    with pytest.raises(ModelProblem, match=f"numbers are {EMBEDDING} wide; put the folder"):
        encoder_of(other, shape_of(other))
    shared = tiny_encoder(tmp_path / "IPAdapter" / "models" / "image_encoder")
    assert encoder_of(other, shape_of(other)) == shared


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"image_proj.proj.weight": None, "image_proj.norm.weight": None}, "a kind that is not"),
        ({"image_proj.proj.weight": None, "image_proj.proj.0.weight": (8, 8)}, "follows faces"),
        ({"ip_adapter.1.to_v_ip.weight": None}, "no IP-Adapter"),
    ],
)
def test_what_is_none_is_said(
    folder: Path, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    tensors = load_file(folder / "models" / "plain.safetensors")
    for name, shape in changed.items():
        if shape is None:
            del tensors[name]
        else:
            tensors[name] = torch.zeros(shape)
    path = tmp_path / "a.safetensors"
    save_file(tensors, path)
    with pytest.raises(ModelProblem, match=said):
        shape_of(path)
