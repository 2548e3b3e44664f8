"""What was worked out for the end of a morph, kept by content, the last used longest."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TypeVar, cast

import torch

from backend.contracts.holdings import Holding
from backend.models.lora.file import LoraFile

ValueT = TypeVar("ValueT")


def content_key(*parts: object) -> str:
    """A key from values and tensors: the same contents give the same key."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.Tensor):
            held = part.cpu().contiguous().flatten().view(torch.uint8)  # NumPy knows no bfloat16
            digest.update(f"{part.dtype} {part.shape}".encode() + held.numpy().tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


class EndCache:
    """Inversions and fitted LoRAs by `content_key`; safe from any thread.

    Args:
        keep: How many entries. An inversion takes some KiB, a LoRA of rank 16 for Stable
            Diffusion 1.x 13 MB.
    """

    def __init__(self, keep: int = 48) -> None:
        self._keep = keep
        self._held: OrderedDict[str, object] = OrderedDict()
        self._lock = threading.Lock()

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of the entries; they lie in RAM."""
        with self._lock:
            held = sum(map(_nbytes, self._held.values()))
        return (Holding("ends of morphs", "cpu", held),) if held else ()

    def release(self) -> int:
        """Forgets them all; they are worked out again when they are needed."""
        with self._lock:
            freed = sum(map(_nbytes, self._held.values()))
            self._held.clear()
            return freed

    def get(self, key: str, kind: type[ValueT]) -> ValueT | None:
        """The entry of that key; `kind` is the class that it was put in as."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
        assert isinstance(found, kind)
        return found

    def put(self, key: str, value: object) -> None:
        """Adds an entry, and drops the least recently used ones beyond the bound."""
        with self._lock:
            self._held[key] = value
            self._held.move_to_end(key)
            while len(self._held) > self._keep:
                self._held.popitem(last=False)


def _nbytes(value: object) -> int:
    match value:
        case torch.Tensor() | LoraFile():
            return value.nbytes
        case tuple() | list():
            entries = cast("tuple[object, ...] | list[object]", value)
            return sum(map(_nbytes, entries))
        case _:
            return 0
