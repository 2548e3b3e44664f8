"""The first layers of a ControlNet run once for each hint, and what they made goes with it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from backend.models.control.hints import EmbeddedHints, spread, tiled


class Doubling(nn.Module):
    """Counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return 2 * x


def hint(rows: int) -> torch.Tensor:
    return torch.arange(float(rows)).reshape(rows, 1, 1, 1).repeat(1, 3, 2, 2)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_hint_is_embedded_once(rows: int) -> None:
    layer = Doubling()
    hints = EmbeddedHints(layer)
    ours = hint(rows)
    for _ in range(3):
        with hints.instead(ours, 4):
            made = layer(ours)
    assert layer.calls == 1
    assert torch.equal(made.expand(4, -1, -1, -1), 2 * ours.repeat(4 // rows, 1, 1, 1))
    assert hints.holdings()[0].nbytes == ours.nbytes
    assert layer(ours).shape == ours.shape  # outside, the layer is its own
    assert layer.calls == 2
    del ours
    assert hints.holdings() == ()


def test_an_equal_hint_is_another_one() -> None:
    layer = Doubling()
    hints = EmbeddedHints(layer)
    kept = [hint(1), hint(1)]
    for one in kept:
        with hints.instead(one, 2):
            layer(one)
    assert layer.calls == 2


def test_what_does_not_fit_is_made_each_time() -> None:
    layer = Doubling()
    ours = hint(2)
    hints = EmbeddedHints(layer, most_bytes=ours.nbytes - 1)
    for _ in range(2):
        with hints.instead(ours, 2):
            layer(ours)
    assert layer.calls == 2
    assert hints.nbytes == 0


def test_bytes_of_grey_are_spread_and_rows_tiled() -> None:
    grey = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)
    made = spread(grey, torch.float32)
    assert made.shape == (2, 3, 1, 1)
    assert made[:, 0].flatten().tolist() == [0.0, 1.0]
    assert spread(made, torch.float32) is made
    assert tiled(made, 6).shape == (6, 3, 1, 1)
    assert tiled(made[:1], 6).shape == (1, 3, 1, 1)
