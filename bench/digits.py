"""Whether digits trained from nothing are digits: a classifier of drawn digits judges samples.

Run as `python -m bench.digits [--steps N] [--width W] [--threads N] [--sheet FILE.png]`; prints a
line for each sheet: steps, processor seconds, and the share of samples that are taken for the digit
that was asked for. Five minutes of two cores are 600 processor seconds. The classifier, a small
convolutional network trained here on other drawings, is first judged by drawings of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy

from backend.contracts.settings.train_digits import parse_digits
from backend.modes.context import Context
from backend.modes.lab.digits import draw_sheet
from backend.training.digits.drawn import CLASSES, SIDE_PX, draw
from backend.training.digits.fit import DigitFit

BAR, BUDGET_S = 0.8, 600.0
JUDGED_ROWS = 20  # samples of each digit


class Judge(nn.Module):
    """(B, 1, 32, 32) in -1..1 -> (B, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 12, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(12, 24, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(48 * 16, CLASSES),
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.layers(pictures)


def as_input(pictures: np.ndarray[Any, Any]) -> torch.Tensor:
    """(n, 32, 32) uint8 as the judge sees them."""
    return torch.from_numpy(pictures)[:, None].float() / 127.5 - 1.0


def trained(count: int = 4000, epochs: int = 6) -> Judge:
    """A judge that has seen drawings of a seed that nothing else uses, with grain and without."""
    torch.manual_seed(0)
    judge = Judge()
    pictures, labels = draw(count, 1_000_001)
    seen, told = as_input(pictures), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(judge.parameters(), lr=2e-3)
    for _ in range(epochs):
        for rows in torch.randperm(count).split(64):
            grain = torch.randn_like(seen[rows]) * 0.2 * torch.rand(len(rows), 1, 1, 1)
            loss = cross_entropy(judge(seen[rows] + grain), told[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return judge.eval()


@torch.no_grad()
def share(judge: Judge, pictures: np.ndarray[Any, Any]) -> float:
    """Of pictures that show 0 to 9 in turn, how many are taken for what they are to show."""
    wanted = torch.arange(len(pictures)) % CLASSES
    return float((judge(as_input(pictures)).argmax(1) == wanted).float().mean())


def cells(sheet: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A sheet's samples, (n, 32, 32)."""
    rows = sheet.shape[0] // SIDE_PX
    parts = sheet[..., 0].reshape(rows, SIDE_PX, CLASSES, SIDE_PX).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(parts.reshape(-1, SIDE_PX, SIDE_PX))


class Unstopped:
    """A job's surroundings that never stop it."""

    def check(self) -> None:
        """It goes on."""


def main(arguments: Sequence[str]) -> int:
    """Trains and judges; 0 where the last sheet within the budget reaches the bar."""
    parser = argparse.ArgumentParser(prog="bench.digits")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--width", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=int, default=300, help="steps between two sheets")
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    judge = trained()
    print(f"the judge on drawings: {share(judge, draw(1000, 2_000_003)[0]):.1%}", flush=True)
    settings = parse_digits({"name": "bench", "steps": given.steps, "width": given.width})
    surroundings = cast("Context", Unstopped())
    reached, began, busy_s = 0.0, time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        fit = DigitFit(settings, Path(folder), surroundings.check)
        for step in fit.steps():
            if step.step % given.every and not step.last:
                continue
            spent_s = time.process_time() - busy_s
            drawn = draw_sheet(fit, surroundings, JUDGED_ROWS, seed=1000)
            found = share(judge, cells(drawn))
            busy_s += time.process_time() - busy_s - spent_s  # judging is not training
            took_s = time.monotonic() - began
            print(
                f"{step.step} steps, {spent_s:.0f} s of processor ({took_s:.0f} s by the clock): "
                f"loss {step.loss:.4f}, {found:.1%} of {JUDGED_ROWS * CLASSES}",
                flush=True,
            )
            if spent_s <= BUDGET_S:
                reached = found
            if given.sheet is not None:
                Image.fromarray(drawn[: 4 * SIDE_PX]).save(given.sheet)
    print(f"{reached:.1%} within {BUDGET_S:.0f} s of processor; the bar is {BAR:.0%}")
    return 0 if reached >= BAR else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
