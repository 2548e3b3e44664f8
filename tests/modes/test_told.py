"""What observers are told of a training."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from backend.contracts.events import Progress
from backend.modes import told
from backend.modes.told import Told


class Heard:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self.facts: list[dict[str, Any]] = []

    def report(self, progress: Progress) -> None:
        self.progress.append(progress)

    def inform(self, facts: dict[str, Any]) -> None:
        self.facts.append(facts["training"])


def test_losses_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 10.1, 10.2])
    monkeypatch.setattr(told, "time", SimpleNamespace(monotonic=lambda: next(now)))
    heard: Any = Heard()
    training = Told(heard, "ink")
    training.step(1, 3, 0.5, last=False)
    training.step(2, 3, 0.4, last=False)
    training.step(3, 3, 0.3, last=True, eta_s=0.0)
    assert [one.eta_s for one in heard.progress] == [None, pytest.approx(0.1), 0.0]
    assert [len(facts["losses"]) for facts in heard.facts] == [1, 3], "not more often than seen"
    training.validated(3)
    training.finished(model="ink")
    assert heard.facts[-1] == {
        "name": "ink",
        "losses": [(1, 0.5), (2, 0.4), (3, 0.3)],
        "validated": [3],
        "model": "ink",
    }
