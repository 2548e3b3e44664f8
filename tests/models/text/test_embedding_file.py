"""Files of textual inversions: what is read of them, and what is said of damaged ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.contracts.errors import ModelProblem
from backend.models.text.embedding_file import read_embedding


def written(path: Path, **tensors: torch.Tensor) -> Path:
    save_file(tensors, path)
    return path


def test_vectors_are_float32_whatever_the_file_holds(tmp_path: Path) -> None:
    values = torch.arange(6).reshape(2, 3).half()
    path = written(tmp_path / "a.safetensors", emb_params=values)
    found = read_embedding(path)
    (vectors,) = found.vectors
    assert vectors.dtype == torch.float32
    assert torch.equal(vectors, values.float())
    assert found.content_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.info.vectors, found.info.widths) == (2, (3,))


def test_a_single_vector_is_a_row(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", **{"<ink>": torch.ones(3)})
    assert read_embedding(path).vectors[0].shape == (1, 3)


def test_those_of_two_encoders_come_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", clip_g=torch.ones(2, 5), clip_l=torch.zeros(2, 3))
    first, second = read_embedding(path).vectors
    assert (first.shape, second.shape) == ((2, 3), (2, 5))
    assert second.min() == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_damaged(tmp_path: Path, bad: float) -> None:
    path = written(tmp_path / "a.safetensors", emb_params=torch.tensor([[1.0, bad]]))
    with pytest.raises(ModelProblem) as error:
        read_embedding(path)
    assert str(error.value) == "a.safetensors is damaged: 'emb_params' is not finite."


def test_whole_numbers_are_no_vectors(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", emb_params=torch.ones(1, 3, dtype=torch.int64))
    with pytest.raises(ModelProblem, match="damaged"):
        read_embedding(path)


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", emb_params=torch.ones(4, 64))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ModelProblem, match=r"a\.safetensors"):
        read_embedding(path)
