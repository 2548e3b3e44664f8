"""What a morph costs, booked stage by stage."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from backend.modes.morph import cost
from backend.modes.morph.cost import Ledger
from backend.sampling.types import Level


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def test_seconds_add_up_by_name(clock: list[float]) -> None:
    ledger = Ledger()
    for name, took in (("frames", 1.5), ("decoding", 0.25), ("frames", 0.1234)):
        with ledger.stage(name):
            clock[0] += took
        clock[0] += 9.0  # between two stages
    assert ledger.times_s == {"frames": 1.623, "decoding": 0.25}


def test_a_stage_that_fails_is_booked_too(clock: list[float]) -> None:
    def fail() -> None:
        clock[0] += 2.0
        raise ZeroDivisionError

    ledger = Ledger()
    with pytest.raises(ZeroDivisionError), ledger.stage("fitting"):
        fail()
    assert ledger.times_s == {"fitting": 2.0}


def test_rows_of_every_call_are_counted_on_the_stage() -> None:
    ledger, asked = Ledger(), list[object]()

    def denoiser(*given: object) -> object:
        asked.append(given)
        return lambda x, level: x + 1

    network = SimpleNamespace(denoiser=denoiser)
    check = lambda: None  # noqa: E731
    counted = ledger.denoiser(network, ["words"], check)  # type: ignore[arg-type, list-item]
    assert asked == [(["words"], check)]
    for name, rows in (("inverting", 2), ("frames", 5), ("frames", 3)):
        x = torch.zeros(rows, 1)
        with ledger.stage(name):
            assert torch.equal(counted(x, Level.like(x, 1.0, 1.0)), x + 1)
    assert ledger.forwards == {"inverting": 2, "frames": 8}
