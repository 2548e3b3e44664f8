"""Headers of safetensors files: shapes and notes, and files that are something else."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from backend.contracts.errors import ModelProblem
from backend.models.catalog.safetensors_header import (
    is_safetensors_name,
    read_metadata,
    read_shapes,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    arrays = {"x": np.zeros((2, 3), np.float32), "y": np.zeros(4, np.float16)}
    save_file(arrays, path, metadata={"author": "Ann"})
    return path


def test_shapes_and_notes_are_read_without_weights(file: Path) -> None:
    assert read_shapes(file) == {"x": (2, 3), "y": (4,)}
    assert read_metadata(file) == {"author": "Ann"}


@pytest.mark.parametrize("change", [-1, 1, -30])
def test_a_file_of_another_length_is_damaged(file: Path, change: int) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:change] if change < 0 else content + b"x")
    with pytest.raises(ModelProblem, match="copy it again"):
        read_shapes(file)


def test_pickles_and_archives_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"\x80\x04" + b"x" * 100)
    with pytest.raises(ModelProblem, match="can run code"):
        read_shapes(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", "x" * 100)
    with pytest.raises(ModelProblem, match="can run code"):
        read_shapes(path)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{",
        json.dumps({"x": {"shape": ["a"], "data_offsets": [0, 4]}}).encode(),
        json.dumps({"x": {"shape": [1]}}).encode(),
        json.dumps({"x": 3}).encode(),
        b"[" * 50_000,
    ],
)
def test_headers_that_are_none_are_refused(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0\0\0")
    with pytest.raises(ModelProblem, match=r"a\.safetensors"):
        read_shapes(path)
    assert read_metadata(path) == {}


def test_a_header_that_claims_more_than_the_file_has_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(ModelProblem, match="cut short"):
        read_shapes(path)
    with pytest.raises(ModelProblem, match="cannot be read"):
        read_shapes(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.safetensors", True),
        ("a.SafeTensors", True),
        ("a.sft", True),
        ("a.ckpt", False),
        ("safetensors", False),
    ],
)
def test_names_are_read_in_any_case(name: str, expected: bool) -> None:
    assert is_safetensors_name(Path(name)) is expected
