"""Random LoRA files for tests, in each format that people share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from torch import nn


class Factors(NamedTuple):
    """Of one layer: A (r, in[, k, k]), B (out, r[, 1, 1])."""

    A: torch.Tensor
    B: torch.Tensor


ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
CONVOLUTIONS = ("conv1", "conv2", "conv_shortcut", "proj_in", "proj_out", "conv", "time_emb_proj")


def random_factors(
    parts: Mapping[str, nn.Module],
    targets: Iterable[str],
    *,
    seed: int,
    rank: int = 4,
    size: float = 0.1,
) -> dict[str, Factors]:
    """Factors for each layer whose path ends in one of `targets`.

    Args:
        size: Frobenius norm of B A against that of the weight.
    """
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, Factors] = {}
    for part, model in parts.items():
        for path, module in model.named_modules():
            is_layer = isinstance(module, (nn.Linear, nn.Conv2d))
            if not is_layer or not any(f".{path}".endswith(f".{end}") for end in targets):
                continue
            weight = module.weight.float()
            down = torch.randn(rank, *weight.shape[1:], generator=generator)
            tail = (1,) * (weight.ndim - 2)
            up = torch.randn(len(weight), rank, *tail, generator=generator)
            delta = up.flatten(1) @ down.flatten(1)
            up = up * (size * weight.norm() / delta.norm())
            found[f"{part}.{path}"] = Factors(down, up)
    return found


def diffusers_keys(factors: Mapping[str, Factors]) -> dict[str, torch.Tensor]:
    """unet.X.lora_A.weight; text_encoder.text_model.X.lora_linear_layer.down.weight."""
    tensors: dict[str, torch.Tensor] = {}
    for path, pair in factors.items():
        part, _, inner = path.partition(".")
        if part == "unet":
            down, up = f"{path}.lora_A.weight", f"{path}.lora_B.weight"
        else:
            inner = inner.removeprefix("text_model.")
            base = f"{part}.text_model.{inner}.lora_linear_layer"
            down, up = f"{base}.down.weight", f"{base}.up.weight"
        tensors |= {down: pair.A, up: pair.B}
    return tensors


def old_diffusers_keys(factors: Mapping[str, Factors]) -> dict[str, torch.Tensor]:
    """unet.X.attn1.processor.to_q_lora.down.weight, as first released; attention only."""
    names = {
        "to_q": "to_q_lora",
        "to_k": "to_k_lora",
        "to_v": "to_v_lora",
        "to_out.0": "to_out_lora",
        "q_proj": "to_q_lora",
        "k_proj": "to_k_lora",
        "v_proj": "to_v_lora",
        "out_proj": "to_out_lora",
    }
    tensors: dict[str, torch.Tensor] = {}
    for path, pair in factors.items():
        end = next(end for end in names if path.endswith(f".{end}"))
        parent = path.removesuffix(f".{end}")
        if path.startswith("unet."):
            parent += ".processor"
        else:
            parent = parent.replace("text_encoder.", "text_encoder.text_model.")
        tensors[f"{parent}.{names[end]}.down.weight"] = pair.A
        tensors[f"{parent}.{names[end]}.up.weight"] = pair.B
    return tensors


def processor_keys(factors: Mapping[str, Factors]) -> dict[str, torch.Tensor]:
    """unet.X.processor.to_q.lora.down.weight: the second of the old forms; UNet only."""
    tensors: dict[str, torch.Tensor] = {}
    for path, pair in factors.items():
        end = next(end for end in ATTENTION if path.endswith(f".{end}"))
        base = f"{path.removesuffix(f'.{end}')}.processor.{end}.lora"
        tensors |= {f"{base}.down.weight": pair.A, f"{base}.up.weight": pair.B}
    return tensors


def peft_keys(factors: Mapping[str, Factors]) -> dict[str, torch.Tensor]:
    """base_model.model.X.lora_A.weight, one part in a file."""
    tensors: dict[str, torch.Tensor] = {}
    for path, pair in factors.items():
        base = "base_model.model." + path.partition(".")[2]
        tensors |= {f"{base}.lora_A.weight": pair.A, f"{base}.lora_B.weight": pair.B}
    return tensors


def kohya_keys(
    factors: Mapping[str, Factors], alpha: float | None = None
) -> dict[str, torch.Tensor]:
    """lora_unet_X.lora_down.weight, lora_te_text_model_X...., with an alpha for each layer."""
    tensors: dict[str, torch.Tensor] = {}
    for path, pair in factors.items():
        part, _, inner = path.partition(".")
        inner = inner.replace(".", "_")
        base = f"lora_unet_{inner}" if part == "unet" else f"lora_te_text_model_{inner}"
        tensors |= {f"{base}.lora_down.weight": pair.A, f"{base}.lora_up.weight": pair.B}
        if alpha is not None:
            tensors[f"{base}.alpha"] = torch.tensor(alpha)
    return tensors


def write(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None = None
) -> Path:
    """Writes a safetensors file and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {key: tensor.contiguous() for key, tensor in tensors.items()}
    save_file(whole, path, metadata={"format": "pt"} | (metadata or {}))
    return path


Writer = Callable[[Mapping[str, Factors]], dict[str, torch.Tensor]]
