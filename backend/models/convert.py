"""From a pickled model, LoRA, embedding or upscaler to safetensors, without running what is in it.

    python -m backend.models.convert name.ckpt

The file is read by torch's restricted reader, which makes tensors and nothing else; one that holds
more is refused. The result stands beside it.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import zipfile
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import save_file

from backend.contracts.errors import ModelProblem

# Where the tensors lie; of those that are there the first one counts.
NESTED = ("params_ema", "params", "params-ema", "state_dict", "model", "string_to_param")

_RENAMED = {"pytorch_model": "model"}  # as transformers calls the one and the other
MOST_FOLD = 4  # several tensors may share the same numbers
SLACK_BYTES = 2**20


def convert(path: Path) -> Path:
    """Writes the safetensors file.

    Raises:
        ModelProblem: It holds more than tensors, or none, or fewer numbers than it claims, or the
            result is there already.
    """
    target = path.with_name(f"{_RENAMED.get(path.stem, path.stem)}.safetensors")
    if target.exists():
        raise ModelProblem(f"{target.name} is there already; nothing was written.")
    _check_packed(path)
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
    found = {
        str(name): tensor
        for name, tensor in _named(read).items()
        if isinstance(tensor, torch.Tensor)
    }
    if not found:
        raise ModelProblem(f"{path.name} holds no tensors.")
    # A tensor may repeat one number as often as it likes, which costs the file nothing.
    if sum(tensor.nbytes for tensor in found.values()) > _most_bytes(path):
        raise _too_much(path)
    save_file({name: tensor.contiguous().clone() for name, tensor in found.items()}, target)
    return target


def _check_packed(path: Path) -> None:
    """Refuses an archive that unpacks to far more than it is; torch itself packs nothing."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if sum(each.file_size for each in archive.infolist()) > _most_bytes(path):
            raise _too_much(path)


def _most_bytes(path: Path) -> int:
    return MOST_FOLD * path.stat().st_size + SLACK_BYTES


def _too_much(path: Path) -> ModelProblem:
    return ModelProblem(
        f"{path.name} claims to hold far more numbers than a file of its size can; look for "
        "another copy of this model."
    )


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
