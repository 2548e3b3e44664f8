"""The first layers of a ControlNet see its hint alone, so that once a run is enough for them.

They work at the picture's full size: of a small model they are the larger part of the whole.
"""

from __future__ import annotations

from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.weak import WeakIdKeyDictionary

from backend.contracts.holdings import Holding
from backend.models.memory.devices import place_of
from backend.models.patches import Detour, Needs

MOST_BYTES = 256 * 2**20  # of those that are kept; what does not fit is made at each step


class EmbeddedHints:
    """What those layers made of hints that are still held by somebody; a patch for the ledger.

    Args:
        layer: The module of these layers.
        most_bytes: Bound of what is kept.
    """

    needs = Needs()

    def __init__(self, layer: nn.Module, most_bytes: int = MOST_BYTES) -> None:
        self._layer, self._most = layer, most_bytes
        self._kept: MutableMapping[torch.Tensor, torch.Tensor] = WeakIdKeyDictionary()

    @property
    def nbytes(self) -> int:
        """Of what is kept."""
        return sum(kept.nbytes for kept in list(self._kept.values()))

    def holdings(self) -> tuple[Holding, ...]:
        """What is kept."""
        kept = list(self._kept.values())
        if not kept:
            return ()
        return (Holding("hints of a ControlNet", place_of(kept[0].device), self.nbytes),)

    @contextmanager
    def instead(self, hint: torch.Tensor, rows: int) -> Generator[None]:
        """Calls inside take what was made of a hint, tiled to so many rows.

        Args:
            hint: (b, c, H, W), the very tensor that the last calls were given.
            rows: A multiple of b; one row stands for all.
        """
        plain: Any = self._layer.forward

        def forward(seen: torch.Tensor) -> torch.Tensor:
            found = self._kept.get(hint)
            if found is None:
                found = plain(seen)
                if self.nbytes + found.nbytes <= self._most:
                    self._kept[hint] = found
            return tiled(found, rows)

        detour = Detour(self._layer, forward)
        try:
            yield
        finally:
            detour.end()


def tiled(hint: torch.Tensor, rows: int) -> torch.Tensor:
    """(b, ...) -> (rows, ...); one row is left alone, since it is added to each sample."""
    return hint if len(hint) == 1 else hint.repeat(rows // len(hint), 1, 1, 1)


def spread(hint: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """(b, 1, H, W) bytes of grey -> (b, 3, H, W) in 0..1; what is spread out already stays."""
    if hint.dtype != torch.uint8:
        return hint
    return (hint.float() / 255.0).to(dtype).expand(-1, 3, -1, -1)
