"""One door to files of tensors: .safetensors and .gguf, told by their names."""

from __future__ import annotations

from pathlib import Path

from backend.models.catalog.gguf_header import gguf_shapes, is_gguf_name
from backend.models.catalog.safetensors_header import Shapes, is_safetensors_name, read_shapes


def holds_tensors(path: Path) -> bool:
    """Whether the name is one of a file that is read here."""
    return is_safetensors_name(path) or is_gguf_name(path)


def shapes_in(path: Path) -> Shapes:
    """Shape of each tensor in a file.

    Raises:
        ModelProblem: It is missing, damaged, or another thing than its name says.
    """
    return gguf_shapes(path) if is_gguf_name(path) else read_shapes(path)
