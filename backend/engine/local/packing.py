"""The stored steps of a run that rests, as bytes for a file, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import torch
from safetensors.torch import load, save

from backend.contracts.settings import Settings
from backend.contracts.stored import StoredStep
from backend.engine.local.kept_steps import TensorStep
from backend.models.autoencoder.latent_rgb import LatentRgb
from backend.models.autoencoder.preview import Previewer
from backend.sampling.types import State, Step

Stored = StoredStep[TensorStep]


def packed(stored: Sequence[Stored]) -> bytes:
    """All that going on needs, and scrubbing: every tensor bit for bit, and the fast previews' map.

    Args:
        stored: The steps of one run, in order.
    """
    tensors: dict[str, torch.Tensor] = {}
    told: list[dict[str, Any]] = []
    for number, one in enumerate(stored):
        step = one.step.step
        own = {"x": step.x, "x0": step.x0} | {f"h.{k}": v for k, v in step.state.history.items()}
        # Copies: what steps share in memory may not be shared in such a file, nor be laid out anew.
        tensors |= {f"{number}.{name}": _plain(held) for name, held in own.items()}
        told.append(
            {
                "stage": one.stage,
                "index": step.index,
                "total": step.total,
                "sigma": step.sigma,
                "draws": step.state.draws,
                "forecast": step.forecast,
                "last": [name for name, held in own.items() if _channels_last(held)],
            }
        )
        for name, read in zip(("weight", "bias"), one.step.previewer.beside or (), strict=False):
            tensors[f"map.{one.stage}.{name}"] = _plain(read)
    tensors["told"] = torch.frombuffer(bytearray(json.dumps(told).encode()), dtype=torch.uint8)
    return save(tensors)


def unpacked(data: bytes, stages: Sequence[Settings], device: torch.device) -> list[Stored]:
    """The steps again, on a device.

    Args:
        data: From `packed`.
        stages: Settings of each stage of the run.
        device: Where they shall lie.

    Raises:
        ValueError: The bytes are damaged.
    """
    try:
        tensors = load(data)
        told: list[dict[str, Any]] = json.loads(bytes(tensors.pop("told").numpy()))
    except Exception as error:
        raise ValueError("the stored steps are damaged") from error
    maps = {stage: _map(tensors, stage) for stage in range(len(stages))}
    made: list[Stored] = []
    for number, one in enumerate(told):
        own = {
            name.removeprefix(f"{number}."): held.to(device)
            for name, held in tensors.items()
            if name.startswith(f"{number}.")
        }
        for name in one["last"]:  # kernels round by how their inputs lie
            own[name] = own[name].contiguous(memory_format=torch.channels_last)
        history = {name[2:]: held for name, held in own.items() if name.startswith("h.")}
        step = Step(
            one["index"],
            one["total"],
            one["sigma"],
            own["x"],
            own["x0"],
            State(history, one["draws"]),
            bool(one.get("forecast", False)),
        )
        stage = int(one["stage"])
        made.append(StoredStep(stage, stages[stage], TensorStep.of(step, maps[stage])))
    return made


def _plain(held: torch.Tensor) -> torch.Tensor:
    return held.detach().cpu().clone(memory_format=torch.contiguous_format)


def _channels_last(held: torch.Tensor) -> bool:
    return not held.is_contiguous() and held.is_contiguous(memory_format=torch.channels_last)


def _map(tensors: dict[str, torch.Tensor], stage: int) -> Previewer:
    weight = tensors.get(f"map.{stage}.weight")
    bias = tensors.get(f"map.{stage}.bias")
    if weight is None or bias is None:
        return Previewer("off", "", None)
    return Previewer("fast", "", LatentRgb(weight, bias), (weight, bias))
