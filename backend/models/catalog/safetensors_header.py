"""The header of a .safetensors file, read without its weights.

Format: 8 bytes little-endian length n, n bytes of JSON naming each tensor's dtype, shape and
place, then the data (https://github.com/huggingface/safetensors#format). Reading it tells whether
the file is what its name says (a renamed pickle is not), whether it is whole, and what is inside.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from backend.contracts.errors import ModelProblem

MAX_HEADER_BYTES = 100 * 1024 * 1024  # the format's own limit
GGUF = ".gguf"
PICKLE_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle")

Shapes = dict[str, tuple[int, ...]]


def is_safetensors_name(path: Path) -> bool:
    """Whether the name ends in .safetensors or its short form .sft, in any case."""
    return path.suffix.lower() in (".safetensors", ".sft")


def read_shapes(path: Path) -> Shapes:
    """Shape of each tensor in the file.

    Raises:
        ModelProblem: The file is missing, is a pickle or archive, is cut short or damaged.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        with path.open("rb") as file:
            prefix = file.read(8)
            size = path.stat().st_size
            length = int.from_bytes(prefix, "little")
            if len(prefix) < 8 or length > min(MAX_HEADER_BYTES, size - 8):
                # Only now: the length of a sound header may begin with these bytes too.
                if prefix[:2] == b"PK" or prefix[:1] == b"\x80":
                    raise ModelProblem(
                        f"{name} is a pickle or an archive, which can run code when it is opened; "
                        "use a real .safetensors file."
                    )
                raise ModelProblem(f"{name} is damaged or cut short; copy it again.")
            raw = file.read(length)
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise ModelProblem(f"{name} cannot be read: {reason}.") from None
    shapes, end = _parse(raw, name)
    if 8 + length + end != size:
        raise ModelProblem(
            f"{name} is damaged: {size} bytes long instead of {8 + length + end}; copy it again."
        )
    return shapes


def _parse(raw: bytes, name: str) -> tuple[Shapes, int]:
    shapes: Shapes = {}
    end = 0
    try:
        header = json.loads(raw)
        header.pop("__metadata__", None)
        for key, entry in header.items():
            shapes[key] = tuple(_extent(extent) for extent in entry["shape"])
            end = max(end, _extent(entry["data_offsets"][1]))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise ModelProblem(f"{name} is not a safetensors file, or is damaged.") from None
    return shapes, end


def _extent(value: object) -> int:
    """A number of elements or bytes; JSON may hold 1e999, which Python reads as infinity."""
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def read_metadata(path: Path) -> dict[str, str]:
    """The notes in a header, e.g. modelspec's; of a file that `read_shapes` has accepted."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, MAX_HEADER_BYTES)))
        notes = cast("dict[str, Any]", header.get("__metadata__") or {})
        return {str(key): str(value) for key, value in notes.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
