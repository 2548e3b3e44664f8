"""Textual-inversion files: vectors that a new word stands for (Gal et al. 2022, 2208.01618).

Safetensors only: A1111's (`emb_params`), diffusers' (one tensor under the word), and SDXL's
(`clip_l` and `clip_g`, one for each text encoder).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from backend.errors import ModelProblem
from backend.models.layout import family_of_width
from backend.models.safetensors_header import Shapes, read_shapes

PAIR = ("clip_l", "clip_g")
MAX_VECTORS = 75  # what a chunk of a prompt holds


@dataclass(frozen=True)
class EmbeddingInfo:
    """What a file's header tells.

    Attributes:
        keys: Its tensors, in the order of the text encoders.
        widths: D of each text encoder that it is for.
        vectors: How many tokens of a prompt it fills.
    """

    keys: tuple[str, ...]
    widths: tuple[int, ...]
    vectors: int

    @property
    def family(self) -> str:
        """sd1, sd2, sdxl, or "sd" for other sizes of the same parts."""
        return "sdxl" if len(self.widths) == 2 else family_of_width(self.widths[0])


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


def inspect_embedding(path: Path) -> EmbeddingInfo:
    """Reads the header of a file.

    Raises:
        ModelProblem: It is no embedding, or cannot be used; says why.
    """
    shapes = read_shapes(path)
    keys = _keys(shapes, path.name)
    found = [shapes[key] if len(shapes[key]) == 2 else (1, *shapes[key]) for key in keys]
    counts = {shape[0] for shape in found}
    if len(counts) != 1 or any(len(shape) != 2 or not all(shape) for shape in found):
        raise ModelProblem(f"{path.name} is no embedding: its tensors do not belong together.")
    (count,) = counts
    if count > MAX_VECTORS:
        raise ModelProblem(
            f"{path.name} fills {count} tokens of a prompt; {MAX_VECTORS} are the most that a "
            "text encoder takes in one piece."
        )
    return EmbeddingInfo(keys, tuple(shape[1] for shape in found), count)


def _keys(shapes: Shapes, name: str) -> tuple[str, ...]:
    if set(PAIR) <= set(shapes):
        return PAIR
    if "emb_params" in shapes:
        return ("emb_params",)
    if len(shapes) == 1:
        return tuple(shapes)
    raise ModelProblem(
        f"{name} is no embedding: it holds {len(shapes)} tensors. Is it a LoRA? Those go into "
        "models/loras."
    )


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
