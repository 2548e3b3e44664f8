"""Weights of a .gguf file, unpacked as they are read.

Tensors are packed in blocks that share a scale (https://github.com/ggml-org/ggml); the `gguf`
package unpacks them, and diffusers' `GGUFQuantizationConfig` computes with the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import gguf
import numpy as np
import torch
from numpy.typing import NDArray

from backend.models.catalog.gguf_header import PACKINGS, Packed, read_packed

_Unpack = Callable[[NDArray[np.uint8], gguf.GGMLQuantizationType], NDArray[Any]]
ROWS_BYTES = 64 * 1024 * 1024
"""Of packed rows that are unpacked at once, so that a large tensor does not double in float32."""


def load_gguf(path: Path, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """All tensors of a file, in one precision.

    Args:
        path: The file.
        dtype: What each is rounded to, one after the other: the file is never whole in float32.

    Raises:
        ModelProblem: The file is damaged, or packs a tensor in a way that is not read here.
    """
    found = read_packed(path)
    data = np.memmap(path, dtype=np.uint8, mode="r")
    return {name: _unpacked(data, packed, dtype) for name, packed in found.items()}


def _unpacked(data: NDArray[np.uint8], packed: Packed, dtype: torch.dtype) -> torch.Tensor:
    title, block, block_bytes = PACKINGS[packed.packing]
    kind, unpack = gguf.GGMLQuantizationType[title], cast("_Unpack", gguf.dequantize)
    bytes_ = data[packed.start : packed.start + packed.nbytes]
    made = torch.empty(packed.nbytes // block_bytes * block, dtype=dtype)
    step = max(1, ROWS_BYTES // block_bytes) * block_bytes
    for start in range(0, packed.nbytes, step):
        part = np.ascontiguousarray(bytes_[start : start + step])
        values = torch.tensor(unpack(part.reshape(1, -1), kind).reshape(-1))
        at = start // block_bytes * block
        made[at : at + len(values)] = values
    return made.reshape(packed.shape)
