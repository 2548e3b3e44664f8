"""Loading one part of a diffusers folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from torch import nn

from backend.families.diffusers_folder import weight_files
from backend.models.loading import load_module
from backend.models.memory.devices import Target

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def load_part(cls: type[ModuleT], folder: Path, name: str, target: Target) -> ModuleT:
    """A part by its name, ready to run; raises as `load_module`."""
    return load_weights(cls, folder / name, weight_files(folder, name), target)


def load_weights(
    cls: type[ModuleT], folder: Path, files: Sequence[Path], target: Target
) -> ModuleT:
    """The part whose config and weights lie in `folder`, by the files that `weight_files` found."""
    options = {"variant": "fp16"} if ".fp16." in files[0].name else {}
    return load_module(cls, folder, f"{folder.name}/{files[0].name}", target, options)
