"""What a morph costs: seconds and sample-forwards of the UNet, stage by stage."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import torch

from backend.models.parts import Network
from backend.models.text.clip import Conditioning
from backend.sampling.types import Denoiser, Level


class Ledger:
    """Counts for one job; a row of the batch in one UNet call is one sample-forward."""

    def __init__(self) -> None:
        self.forwards: dict[str, int] = defaultdict(int)
        self.times_s: dict[str, float] = defaultdict(float)
        self._stage = ""

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Books what happens inside under this name; stages do not nest."""
        self._stage, began = name, time.perf_counter()
        try:
            yield
        finally:
            self.times_s[name] = round(self.times_s[name] + time.perf_counter() - began, 3)

    def count(self, rows: int) -> None:
        """Books sample-forwards on the stage."""
        self.forwards[self._stage] += rows

    def denoiser(
        self, unet: Network, conditioning: Sequence[Conditioning], check: Callable[[], None]
    ) -> Denoiser:
        """`unet.denoiser`, counted."""
        plain = unet.denoiser(conditioning, check)

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            self.count(len(x))
            return plain(x, level)

        return denoise
