"""As much of spandrel as is used here; the package has no stubs."""

from collections.abc import Mapping

import torch
from torch import nn

class UnsupportedModelError(Exception): ...

class Architecture:
    id: str
    name: str

class ModelDescriptor:
    model: nn.Module
    scale: int
    purpose: str
    input_channels: int
    output_channels: int
    supports_half: bool
    supports_bfloat16: bool
    architecture: Architecture

class ImageModelDescriptor(ModelDescriptor):
    def __call__(self, image: torch.Tensor) -> torch.Tensor: ...

class ModelLoader:
    def __init__(self, device: str | torch.device | None = ...) -> None: ...
    def load_from_state_dict(self, state_dict: Mapping[str, torch.Tensor]) -> ModelDescriptor: ...
