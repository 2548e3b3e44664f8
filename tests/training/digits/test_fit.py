"""Training digits: it learns, stops between two steps, and goes on bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.contracts.errors import BadInput, Cancelled, NumericalProblem
from backend.contracts.settings.train_digits import parse_digits
from backend.training.digits import fit as fitting
from backend.training.digits.fit import DigitFit
from backend.training.digits.state import state_path


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "DRAWINGS", 40)


def going_on() -> None:
    """Nobody stops it."""


def made(folder: Path, check: Callable[[], None] = going_on, **values: Any) -> DigitFit:
    given = {"name": "digits", "width": 4, "batch_size": 4, "steps": 6, **values}
    return DigitFit(parse_digits(given), folder, check)


def weights(fit: DigitFit) -> torch.Tensor:
    return torch.cat([value.flatten() for value in fit.average.state_dict().values()])


def test_the_loss_falls_and_a_model_is_left(tmp_path: Path) -> None:
    steps = list(made(tmp_path, steps=12, learning_rate=1e-2).steps())
    losses = [step.loss for step in steps]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])
    assert [step.step for step in steps] == [*range(1, 13)]
    assert [step.last for step in steps] == [False] * 11 + [True]
    assert (tmp_path / "digits" / "unet" / "diffusion_pytorch_model.safetensors").is_file()
    assert not state_path(tmp_path, "digits").exists()


def test_stopped_and_resumed_it_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    whole = made(tmp_path / "whole")
    list(whole.steps())
    stopped = made(tmp_path / "parts")
    running = stopped.steps()
    for _ in range(3):
        next(running)
    with pytest.raises(Cancelled):
        running.throw(Cancelled("Stopped."))
    assert state_path(tmp_path / "parts", "digits").is_file()
    assert not (tmp_path / "parts" / "digits").exists()
    resumed = made(tmp_path / "parts", resume=True)
    assert resumed.done.steps == 3
    assert [step.step for step in resumed.steps()] == [4, 5, 6]
    assert torch.equal(weights(whole), weights(resumed))


def test_another_width_does_not_go_on(tmp_path: Path) -> None:
    running = made(tmp_path).steps()
    next(running)
    with pytest.raises(Cancelled):
        running.throw(Cancelled("Stopped."))
    with pytest.raises(BadInput, match="another width"):
        made(tmp_path, width=6, resume=True)


def test_it_is_asked_before_each_step(tmp_path: Path) -> None:
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 4:
            raise Cancelled("Stopped.")

    running = made(tmp_path, check).steps()
    with pytest.raises(Cancelled):
        list(running)
    assert state_path(tmp_path, "digits").is_file()


def test_its_minutes_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(1000))
    monkeypatch.setattr(fitting.time, "monotonic", lambda: float(next(now)))
    steps = list(made(tmp_path, steps=None, minutes=0.05).steps())
    assert [(step.step, step.total) for step in steps] == [(1, 3), (2, 3), (3, 3)]


def test_a_loss_that_explodes_ends_it_in_a_sentence(tmp_path: Path) -> None:
    fit = made(tmp_path)
    with torch.no_grad():
        next(iter(fit._unet.parameters())).fill_(torch.inf)
    with pytest.raises(NumericalProblem, match="lower the learning rate"):
        list(fit.steps())
    assert not (tmp_path / "digits").exists()
