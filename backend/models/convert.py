"""From a pickled model, LoRA, embedding or upscaler to safetensors, without running what is in it.

    python -m backend.models.convert name.ckpt

The file is read by torch's restricted reader, which makes tensors and nothing else; one that holds
more is refused. The result stands beside it.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import save_file

from backend.contracts.errors import ModelProblem

# Where the tensors lie; of those that are there the first one counts.
NESTED = ("params_ema", "params", "params-ema", "state_dict", "model", "string_to_param")


def convert(path: Path) -> Path:
    """Writes the safetensors file.

    Raises:
        ModelProblem: It holds more than tensors, or none, or the result is there already.
    """
    target = path.with_suffix(".safetensors")
    if target.exists():
        raise ModelProblem(f"{target.name} is there already; nothing was written.")
    try:
        read: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError):
        raise ModelProblem(
            f"{path.name} cannot be read without running code that is in it, or is damaged; "
            "look for a .safetensors file of this model."
        ) from None
    for key in NESTED:
        inner = _named(read).get(key)
        if isinstance(inner, dict):
            read = _named(cast(object, inner))
    tensors = {
        str(name): tensor.contiguous().clone()
        for name, tensor in _named(read).items()
        if isinstance(tensor, torch.Tensor)
    }
    if not tensors:
        raise ModelProblem(f"{path.name} holds no tensors.")
    save_file(tensors, target)
    return target


def _named(read: object) -> dict[object, object]:
    return cast(dict[object, object], read) if isinstance(read, dict) else {}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Converts a pickled model to .safetensors.")
    parser.add_argument("file", type=Path, nargs="+")
    for path in parser.parse_args().file:
        try:
            print(convert(path))
        except ModelProblem as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
