"""The LoRA layers that are being fitted: put into a UNet, taken out again, saved and resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from backend.contracts.errors import BadInput, StorageProblem, told
from backend.models.tensors import named_modules
from backend.storage.atomic_files import BEGINS, sync_folder

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
CONVOLUTIONS = ("conv1", "conv2", "conv_shortcut", "conv", "proj_in", "proj_out")
"""Ends of a layer's path: those of residual blocks, of resampling, and at attention's doors."""
_ADAPTER = "fit"
_MOMENTS = ("exp_avg", "exp_avg_sq")

Parameters = dict[str, nn.Parameter]
"""By name in a diffusers file: "unet.<path>.lora_A.weight"."""


@contextmanager
def adapted(
    unet: nn.Module, rank: int, alpha: float, seed: int, targets: Sequence[str] = ATTENTION
) -> Generator[Parameters]:
    """Puts fresh float32 LoRA layers on the `targets` of a frozen UNet.

    A ~ N(0, 1 / r), B = 0, drawn on the CPU, so that every device starts from the same; of a
    convolution, A has its kernel and B is 1x1. On leaving, the UNet has its own layers again, the
    very same objects.

    Yields:
        The parameters to fit.
    """
    from peft import LoraConfig, inject_adapter_in_model  # slow to import, and no picture needs it

    gradients = {name: parameter.requires_grad for name, parameter in unet.named_parameters()}
    attributes = set(vars(unet))
    # PEFT's annotation says int, its arithmetic takes any number.
    scale: Any = alpha
    config = LoraConfig(r=rank, lora_alpha=scale, target_modules=list(targets))
    try:
        random: Any = torch.random
        import_module("torch.distributed.tensor")  # peft asks for it and imports it nowhere
        with random.fork_rng(devices=[]):
            inject_adapter_in_model(config, unet, adapter_name=_ADAPTER)
        generator = torch.Generator().manual_seed(seed)
        parameters: Parameters = {}
        for path, layer in _lora_layers(unet).items():
            down = layer.get_parameter(f"lora_A.{_ADAPTER}.weight")
            up = layer.get_parameter(f"lora_B.{_ADAPTER}.weight")
            first = torch.randn(down.shape, generator=generator) / rank
            down.data = first.to(down.device)
            up.data = torch.zeros(up.shape, device=up.device)
            parameters[f"unet.{path}.lora_A.weight"] = down
            parameters[f"unet.{path}.lora_B.weight"] = up
        for parameter in unet.parameters():
            parameter.requires_grad_(False)
        for parameter in parameters.values():
            parameter.requires_grad_(True)
        yield parameters
    finally:
        for path, layer in _lora_layers(unet).items():
            _put(unet, path, layer.get_base_layer())
        for name in set(vars(unet)) - attributes:
            delattr(unet, name)
        for name, parameter in unet.named_parameters():
            parameter.requires_grad_(gradients[name])


@contextmanager
def taken_out(unet: nn.Module) -> Generator[None]:
    """The UNet's own layers in their places, while another job uses it."""
    layers = _lora_layers(unet)
    try:
        for path, layer in layers.items():
            _put(unet, path, layer.get_base_layer())
        yield
    finally:
        for path, layer in layers.items():
            _put(unet, path, layer)


@contextmanager
def at_weight(unet: nn.Module, weight: float) -> Generator[None]:
    """The adapter acts with `weight` times its scale, while the block lasts."""
    layers = _lora_layers(unet).values()
    scales = [layer.scaling[_ADAPTER] for layer in layers]
    try:
        for layer, scale in zip(layers, scales, strict=True):
            layer.scaling[_ADAPTER] = scale * weight
        yield
    finally:
        for layer, scale in zip(layers, scales, strict=True):
            layer.scaling[_ADAPTER] = scale


def _put(unet: nn.Module, path: str, layer: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(unet.get_submodule(parent), name, layer)


def _lora_layers(unet: nn.Module) -> dict[str, Any]:
    """PEFT's layers by path; each is a module and a `LoraLayer`, which no annotation can say."""
    from peft.tuners.lora import LoraLayer

    return {path: module for path, module in named_modules(unet) if isinstance(module, LoraLayer)}


def save_lora(
    path: Path,
    parameters: Parameters,
    dtype: torch.dtype,
    rank: int,
    alpha: float,
    targets: Sequence[str],
    metadata: Mapping[str, str],
) -> None:
    """Writes a LoRA that diffusers' `load_lora_weights` reads, in one step.

    Raises:
        StorageProblem: The disk is full or the folder cannot be written.
    """
    settings = {
        "unet.r": rank,
        "unet.lora_alpha": alpha,
        "unet.target_modules": list(targets),
    }
    notes = {
        "format": "pt",
        "rank": str(rank),
        "alpha": str(alpha),
        "lora_adapter_metadata": json.dumps(settings),
        **metadata,
    }
    tensors = {name: value.detach().to("cpu", dtype) for name, value in parameters.items()}
    _write(path, tensors, notes)


def save_state(
    path: Path, parameters: Parameters, optimizer: torch.optim.AdamW, step: int, fingerprint: str
) -> None:
    """Writes all that is needed to go on after `step` bit for bit: weights and moments.

    Raises:
        StorageProblem: The disk is full or the folder cannot be written.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in parameters.items():
        tensors[name] = parameter.detach().cpu()
        for moment in _MOMENTS:
            value = optimizer.state[parameter].get(moment, torch.zeros_like(parameter))
            tensors[f"{name}.{moment}"] = value.cpu()
    _write(path, tensors, {"step": str(step), "fingerprint": fingerprint})


@torch.no_grad()
def load_state(
    path: Path, parameters: Parameters, optimizer: torch.optim.AdamW, fingerprint: str
) -> int:
    """Takes over what `save_state` wrote.

    Returns:
        Optimizer steps done; 0 where there is no state.

    Raises:
        BadInput: The state was made with other settings or pictures.
        StorageProblem: It is damaged.
    """
    if not path.is_file():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            notes = file.metadata() or {}
            if notes.get("fingerprint") != fingerprint:
                raise BadInput(
                    f"The unfinished fit '{path.name}' was made with other pictures or settings; "
                    "start anew, or choose another name."
                )
            step = int(notes["step"])
            for name, parameter in parameters.items():
                parameter.copy_(file.get_tensor(name))
                optimizer.state[parameter] = {"step": torch.tensor(float(step))} | {
                    moment: file.get_tensor(f"{name}.{moment}").to(parameter.device)
                    for moment in _MOMENTS
                }
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise StorageProblem(
            f"The unfinished fit '{path.name}' is damaged; start anew ({type(error).__name__})."
        ) from None
    return step


def _write(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    temporary = path.with_name(f"{BEGINS}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {key: tensor.contiguous() for key, tensor in tensors.items()},
            temporary,
            metadata=metadata,
        )
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except (OSError, SafetensorError) as error:
        raise StorageProblem(
            f"{path.name} could not be written; make room on the disk or choose another folder "
            f"({told(error)})."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
