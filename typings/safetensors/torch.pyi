"""As much of safetensors.torch as is used here; the package has no annotations."""

from collections.abc import Mapping
from os import PathLike

import torch

def load_file(filename: str | PathLike[str], device: str = ...) -> dict[str, torch.Tensor]: ...
def save_file(
    tensors: Mapping[str, torch.Tensor],
    filename: str | PathLike[str],
    metadata: Mapping[str, str] | None = ...,
) -> None: ...
def load(data: bytes) -> dict[str, torch.Tensor]: ...
def save(
    tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = ...
) -> bytes: ...
