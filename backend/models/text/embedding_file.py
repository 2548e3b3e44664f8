"""Textual-inversion files: the vectors that a new word stands for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from backend.contracts.errors import ModelProblem, told
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


def read_embedding(path: Path, inside: str = "") -> Embedding:
    """Reads a file.

    Args:
        path: The file.
        inside: See `inspect_embedding`.

    Raises:
        ModelProblem: It cannot be used; says why.
    """
    info = inspect_embedding(path, inside)
    try:
        with safe_open(path, framework="pt") as file:
            tensors: dict[str, torch.Tensor] = {key: file.get_tensor(key) for key in info.keys}
        digest = _sha256(path)
    except (OSError, SafetensorError) as error:
        raise ModelProblem(f"{path.name} cannot be read: {told(error)}.") from None
    for key in info.keys:
        if not tensors[key].is_floating_point() or not bool(torch.isfinite(tensors[key]).all()):
            raise ModelProblem(f"{path.name} is damaged: '{key[:120]}' is not finite.")
    rows = tuple(tensors[key].float().reshape(info.vectors, -1) for key in info.keys)
    return Embedding(info, digest, rows)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
