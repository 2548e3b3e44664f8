"""A training that is cut goes on as if it had not been; what it keeps, and when it stands still."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from toyworld import fitting
from toyworld.checkpoint import Clock
from toyworld.fitting import Fitting


class Line(Fitting[nn.Linear]):
    """Learns a line from points that each step draws anew."""

    def __init__(self, work: Path) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Linear(1, 1), work, 0.05)

    def loss(self) -> Tensor:
        x = torch.rand(16, 1, generator=torch.Generator().manual_seed(self.step))
        return (self.net(x) - (2 * x + 1)).square().mean()


def quiet(line: str) -> None:
    return None


def test_it_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    whole = Line(tmp_path / "whole")
    whole.run(Clock(steps=6), quiet)
    first = Line(tmp_path / "cut")
    loss = first.loss

    def until_the_fourth() -> Tensor:
        if first.step == 3:
            raise KeyboardInterrupt
        return loss()

    first.loss = until_the_fourth  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.run(Clock(steps=6), quiet)
    first.save()
    again = Line(tmp_path / "cut")
    assert again.step == 3
    again.run(Clock(steps=6), quiet)
    assert all(map(torch.equal, again.net.parameters(), whole.net.parameters()))
    assert all(map(torch.equal, again.averaged().parameters(), whole.averaged().parameters()))


def test_it_learns_and_says_how_far_it_is(tmp_path: Path) -> None:
    said: list[str] = []
    line = Line(tmp_path)
    line.run(Clock(steps=400), said.append)
    assert [text.split()[1] for text in said] == ["100", "200", "300", "400"]
    assert line.loss().item() < 1e-3
    net = line.averaged()
    assert not net.training
    assert abs(net.weight.item() - 2) < 0.3


def test_the_state_is_kept_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "KEPT_EVERY_S", -1.0)
    line = Line(tmp_path)
    loss = line.loss

    def until_the_third() -> Tensor:
        if line.step == 2:
            raise KeyboardInterrupt
        return loss()

    line.loss = until_the_third  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        line.run(Clock(steps=6), quiet)
    assert Line(tmp_path).step == 2


def test_minutes_do_not_pass_while_somebody_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def tick() -> float:
        now[0] += 0.1
        return now[0]

    def held(folder: Path) -> None:
        now[0] += 600

    monkeypatch.setattr("time.monotonic", tick)
    monkeypatch.setattr(fitting, "wait_while_paused", held)
    line = Line(tmp_path)
    line.run(Clock(minutes=0.1, _since=0.0), quiet)
    assert 4 < line.step < 60
