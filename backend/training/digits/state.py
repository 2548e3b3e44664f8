"""What a training of digits goes on from: weights, their average and moments, in one file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from backend.contracts.errors import BadInput, StorageProblem, told
from backend.storage.atomic_files import BEGINS, sync_folder

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Done:
    """How far a training is.

    Attributes:
        steps: Optimizer steps.
        seconds: That they took.
    """

    steps: int = 0
    seconds: float = 0.0


def state_path(folder: Path, name: str) -> Path:
    """Where the training `name` of a models folder keeps its state."""
    return folder / ".training" / f"{name}.state.safetensors"


def save_state(
    path: Path,
    networks: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    done: Done,
    fixed: tuple[float, ...],
) -> None:
    """Writes all that is needed to go on bit for bit, in one step.

    Args:
        path: The file, replaced where it is there.
        networks: By name; the optimizer's moments are those of "unet".
        optimizer: Adam.
        done: So far.
        fixed: What a training that goes on must have been asked for.

    Raises:
        StorageProblem: The disk is full or the folder cannot be written.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, network in networks.items():
        for key, value in network.state_dict().items():
            tensors[f"{name}.{key}"] = value.detach().cpu().contiguous()
    for key, parameter in networks["unet"].named_parameters():
        for moment in _MOMENTS:
            value = optimizer.state[parameter].get(moment, torch.zeros_like(parameter))
            tensors[f"{moment}.{key}"] = value.cpu().contiguous()
    notes = {"steps": str(done.steps), "seconds": repr(done.seconds), "fixed": json.dumps(fixed)}
    temporary = path.with_name(f"{BEGINS}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, metadata=notes)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except (OSError, SafetensorError) as error:
        raise StorageProblem(
            f"The training's state could not be written; make room on the disk ({told(error)})."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


@torch.no_grad()
def load_state(
    path: Path,
    networks: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    fixed: tuple[float, ...],
) -> Done:
    """Takes over what `save_state` wrote; arguments as there.

    Raises:
        BadInput: It is the state of other settings.
        StorageProblem: It is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            notes = file.metadata() or {}
            if notes.get("fixed") != json.dumps(fixed):
                raise BadInput(
                    "The stopped training of that name had another width, batch, learning rate or "
                    "seed; set them as they were, or choose another name."
                )
            done = Done(int(notes["steps"]), float(notes["seconds"]))
            for name, network in networks.items():
                network.load_state_dict(
                    {key: file.get_tensor(f"{name}.{key}") for key in network.state_dict()}
                )
            for key, parameter in networks["unet"].named_parameters():
                kept: Any = {"step": torch.tensor(float(done.steps))}
                for moment in _MOMENTS:
                    value = file.get_tensor(f"{moment}.{key}")
                    kept[moment] = torch.empty_like(parameter).copy_(value)
                optimizer.state[parameter] = kept
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise StorageProblem(
            f"The state of that training is missing or damaged; start anew "
            f"({type(error).__name__})."
        ) from None
    return done
