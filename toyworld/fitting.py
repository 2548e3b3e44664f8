"""A training on one thread that can be cut anywhere: what the models of pixels have in common.

A step is decided by (seed, step) alone, so a run that was cut goes on as if nothing had happened.
"""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from toyworld.checkpoint import Clock, learning_rate, load_state, save_state, set_learning_rate
from toyworld.pause import wait_while_paused

Net = TypeVar("Net", bound=nn.Module)
EMA_DECAY = 0.999
WARMUP_STEPS = 200
KEPT_EVERY_S = 120.0


class Fitting(ABC, Generic[Net]):
    """A run; its state in `work` brings weights, average and optimiser back.

    Args:
        net: Learns, in place.
        work: Folder of the state.
        rate: Learning rate after warm-up.
    """

    def __init__(self, net: Net, work: Path, rate: float) -> None:
        self.net, self.work, self.rate = net.train(), work, rate
        self._weights = list(net.parameters())
        self._average = [weight.detach().clone() for weight in self._weights]
        self.optimizer = torch.optim.AdamW(
            self._weights, lr=rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self.step, self.spent_s = 0, 0.0
        state = load_state(self.state_path)
        if state is not None:
            with torch.no_grad():
                torch._foreach_copy_(self._weights, state["weights"])
                torch._foreach_copy_(self._average, state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.spent_s = int(state["step"]), float(state["spent_s"])

    @abstractmethod
    def loss(self) -> Tensor:
        """That of the step to come, `self.step`."""

    @property
    def state_path(self) -> Path:
        """Where the state is kept."""
        return self.work / "state.pt"

    def save(self) -> None:
        """Writes all that a resumed run needs."""
        save_state(
            self.state_path,
            weights=[weight.detach() for weight in self._weights],
            average=self._average,
            optimizer=self.optimizer.state_dict(),
            step=self.step,
            spent_s=self.spent_s,
        )

    def run(self, clock: Clock, report: Callable[[str], None] = print) -> None:
        """Trains until the budget is used; stands still while somebody holds the work folder."""
        clock.step, clock.spent_s = self.step, self.spent_s
        losses: list[float] = []
        saved = time.monotonic()
        while clock.progress() < 1.0:
            held = time.monotonic()
            wait_while_paused(self.work)
            clock.spent_s -= time.monotonic() - held  # a budget of minutes stands still too
            rate = learning_rate(clock, self.rate, self.rate / 50, WARMUP_STEPS)
            set_learning_rate(self.optimizer, rate)
            losses.append(self._once())
            clock.step, self.spent_s = self.step, clock.elapsed_s()
            if self.step % 100 == 0:
                mean = np.mean(losses[-100:])
                report(f"step {self.step} {self.spent_s:.0f} s loss {mean:.4f}")
            if time.monotonic() - saved > KEPT_EVERY_S:
                self.save()
                saved = time.monotonic()
        self.save()

    def _once(self) -> float:
        loss = self.loss()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        self.optimizer.step()
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, self._weights, 1.0 - decay)
        self.step += 1
        return loss.item()

    def averaged(self) -> Net:
        """A copy that carries the averaged weights."""
        net = copy.deepcopy(self.net).eval()
        with torch.no_grad():
            torch._foreach_copy_(list(net.parameters()), self._average)
        return net
