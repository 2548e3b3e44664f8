"""Textual-inversion files: the vectors that a new word stands for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from backend.contracts.errors import ModelProblem
from backend.models.text.embedding_header import EmbeddingInfo, inspect_embedding


@dataclass(frozen=True, eq=False)
class Embedding:
    """An embedding in memory.

    Attributes:
        info: What its header tells.
        content_hash: SHA-256 of the file, hex.
        vectors: (n, D) float32 for each text encoder.
    """

    info: EmbeddingInfo
    content_hash: str
    vectors: tuple[torch.Tensor, ...]


def read_embedding(path: Path) -> Embedding:
    """Reads a file.

    Raises:
        ModelProblem: It cannot be used; says why.
    """
    info = inspect_embedding(path)
    try:
        tensors = load_file(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, SafetensorError) as error:
        raise ModelProblem(f"{path.name} cannot be read: {str(error)[:160]}.") from None
    for key in info.keys:
        if not tensors[key].is_floating_point() or not bool(torch.isfinite(tensors[key]).all()):
            raise ModelProblem(f"{path.name} is damaged: '{key[:120]}' is not finite.")
    rows = tuple(tensors[key].float().reshape(info.vectors, -1) for key in info.keys)
    return Embedding(info, digest, rows)
