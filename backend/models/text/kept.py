"""Prompts that stay encoded for a while, within a bound of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch

from backend.contracts.holdings import Holding
from backend.models.memory.devices import place_of


class KeptTensors:
    """The latest tensors by their keys; the oldest leave first. Safe from any thread."""

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        """`most_bytes`: Beyond that the oldest leave; the last one always stays."""
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, torch.Tensor] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """That of the key, made where it is not there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > 1 and self._bytes() > self._most:
                self._kept.popitem(last=False)
        return made

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of what is kept, where it lies."""
        with self._lock:
            kept = list(self._kept.values())
        places = sorted({place_of(each.device) for each in kept})
        return tuple(
            Holding(
                "encoded prompts",
                place,
                sum(each.nbytes for each in kept if place_of(each.device) == place),
            )
            for place in places
        )

    def release(self) -> int:
        """Forgets all of it; the bytes."""
        with self._lock:
            freed = self._bytes()
            self._kept.clear()
            return freed

    def _bytes(self) -> int:
        return sum(each.nbytes for each in self._kept.values())
