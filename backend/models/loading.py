"""Loading the parts of models: every tensor present and finite, in place, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import logging as diffusers_logging
from torch import nn
from transformers.utils import logging as transformers_logging

from backend.contracts.errors import LoomError, ModelProblem, told
from backend.models.memory.devices import Target
from backend.models.memory.memory_pressure import Way, overcome

# Progress bars of the libraries would land in the terminal, in the middle of our own lines.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()

ModuleT = TypeVar("ModuleT", bound=nn.Module)
Tensors = dict[str, torch.Tensor]


def load_module(
    cls: type[ModuleT], folder: Path, file: str, target: Target, options: Mapping[str, str]
) -> ModuleT:
    """One part of a model, ready to run: every tensor present and finite, no gradients.

    Args:
        cls: Its class in diffusers or transformers.
        folder: Holds config.json and the weights.
        file: How errors name the weights.
        target: Device and dtype.
        options: Further arguments of `from_pretrained`.

    Raises:
        ModelProblem: A file is missing or damaged; names it.
        OutOfMemory: The device cannot hold it.
    """
    dtype_key = "torch_dtype" if issubclass(cls, ModelMixin) else "dtype"  # diffusers' name

    def load() -> tuple[ModuleT, dict[str, Any]]:
        return cls.from_pretrained(  # type: ignore[attr-defined]
            folder,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **{dtype_key: target.dtype},
            **options,
        )

    module, report = guarded(load, file)
    # The libraries only warn about these and go on with random weights.
    missing = sorted(report["missing_keys"]) + [str(key) for key in report["mismatched_keys"]]
    if missing:
        raise ModelProblem(
            f"The file {file} lacks {len(missing)} of its tensors, e.g. '{missing[0][:120]}'."
        )
    return ready(module, file, target)


def ready(module: ModuleT, file: str, target: Target) -> ModuleT:
    """In evaluation mode, checked to be finite, on the device in its layout."""
    module.eval().requires_grad_(False)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not _finite(tensor):
            raise ModelProblem(f"The file {file} is damaged: '{name}' is not finite.")
    layout = torch.preserve_format if has_films(module) else target.memory_format
    return guarded(lambda: module.to(device=target.device).to(memory_format=layout), file)


def has_films(module: nn.Module) -> bool:
    """Whether some weights are convolutions of films, for which torch has another layout."""
    return any(parameter.ndim == 5 for parameter in module.parameters())


def _finite(tensor: torch.Tensor) -> bool:
    """Whether all values are; by their sum, which is several times as fast as to ask each."""
    total = tensor.sum(dtype=torch.promote_types(tensor.dtype, torch.float32))
    return bool(torch.isfinite(total)) or bool(torch.isfinite(tensor).all())


ResultT = TypeVar("ResultT")
TOO_LARGE = (
    "There is not enough memory to load the model; close other programs, or choose a smaller "
    "model or dtype."
)


def _nothing_to_free() -> None:
    """Whoever asks for the model frees memory, and asks again."""


def guarded(work: Callable[[], ResultT], file: str) -> ResultT:
    """Runs a library's loader on files that anybody may have made.

    Its failures take any form, so all of them become one sentence that names the file.
    """
    try:
        return overcome((Way(work),), TOO_LARGE, _nothing_to_free)
    except LoomError:
        raise
    except Exception as error:
        said = f"The file {file} cannot be loaded: {type(error).__name__} {told(error)}".strip(" .")
        raise ModelProblem(f"{said}.") from error


def filled(module: ModuleT, tensors: Tensors, path: Path, dtype: torch.dtype) -> ModuleT:
    """`module` with the weights, every one of them from the file.

    Raises:
        ModelProblem: A tensor is missing or has another shape; names it.
    """
    wanted = dict(module.named_parameters())
    missing = sorted(wanted.keys() - tensors.keys())
    if missing:
        raise ModelProblem(
            f"The file {path.name} lacks {len(missing)} of its tensors, e.g. '{missing[0]}'."
        )
    for name, parameter in wanted.items():
        if tensors[name].shape != parameter.shape:
            raise ModelProblem(
                f"The file {path.name} has '{name}' in the shape {tuple(tensors[name].shape)} "
                f"instead of {tuple(parameter.shape)}."
            )
    values = {name: tensors[name].to(dtype) for name in wanted}
    module.load_state_dict(values, strict=False, assign=True)
    return module
