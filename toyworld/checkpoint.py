"""Training state on disk, and the schedules that follow a budget."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch


@dataclass
class Clock:
    """Where a stage of training stands against its budget of steps or minutes."""

    minutes: float | None = None
    steps: int | None = None
    step: int = 0
    spent_s: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def elapsed_s(self) -> float:
        """Seconds trained, earlier runs included."""
        return self.spent_s + time.monotonic() - self._since

    def progress(self) -> float:
        """Share of the budget that is used up, 0..1."""
        shares = [0.0]
        if self.minutes is not None:
            shares.append(self.elapsed_s() / (60.0 * self.minutes))
        if self.steps is not None:
            shares.append(self.step / self.steps)
        return min(1.0, max(shares))


def learning_rate(clock: Clock, peak: float, floor: float, warmup_steps: int) -> float:
    """Linear warm-up over steps, then half a cosine from `peak` to `floor` over the budget."""
    warm = min(1.0, (clock.step + 1) / warmup_steps)
    return warm * (floor + (peak - floor) * 0.5 * (1.0 + math.cos(math.pi * clock.progress())))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Give every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = value


def save_state(path: Path, **state: Any) -> None:
    """Write tensors and plain values aside, then rename, so that a kill leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    torch.save(state, aside)
    aside.rename(path)


def load_state(path: Path) -> dict[str, Any] | None:
    """What `save_state` wrote, or None where there is nothing yet."""
    if not path.exists():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)


def fingerprint_of(folder: Path, *more: str) -> str:
    """Twelve digits that tell a folder's weights, and whatever else is said, from any other's."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.read_bytes())
    digest.update(" ".join(more).encode())
    return digest.hexdigest()[:12]
