"""The flags choose the engine; it is handed what they say, and starts nothing by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from backend.contracts.library import Library
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.protocol import Engine
from backend.engine.local.starting import StartingEngine
from ui.server import opening
from ui.server.flags import parser_of
from ui.server.opening import opened
from ui.server.places import places

ROOT = Path(__file__).resolve().parents[3]


def flags(folder: Path, *more: str) -> Any:
    return parser_of(folder).parse_args(["--data", str(folder), *more])


def test_the_stand_in_draws_at_the_pace_of_its_flag(tmp_path: Path) -> None:
    studio = opened(flags(tmp_path, "--fake", "0.02"), places(ROOT))
    assert isinstance(studio.engine, FakeEngine)
    assert studio.engine.step_time_s == 0.02
    assert studio.outputs == (tmp_path / "outputs").resolve()
    assert [info.name for info in studio.presets.list()]
    studio.engine.close()


@pytest.mark.parametrize(
    ("asked", "named"),
    [("cuda:0,cuda:1", ["cuda:0", "cuda:1"]), ("cpu,cpu", ["cpu:0", "cpu:1"]), ("cuda:1", [])],
)
def test_the_stand_in_has_the_devices_of_its_flag(
    tmp_path: Path, asked: str, named: list[str]
) -> None:
    studio = opened(flags(tmp_path, "--fake", "0.02", "--device", asked), places(ROOT))
    assert [one.name for one in studio.engine.memory().devices] == named
    studio.engine.close()


def test_without_it_the_local_engine_waits_to_be_begun(tmp_path: Path) -> None:
    torch = "torch" in sys.modules
    studio = opened(flags(tmp_path), places(ROOT))
    assert isinstance(studio.engine, StartingEngine)
    assert ("torch" in sys.modules) == torch
    studio.engine.close()


def test_it_is_handed_what_the_flags_and_the_caller_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}

    def started(models: Any, storage: Any, budgets: Any, **options: Any) -> Engine:
        told.update(options, models=list(models), budgets=budgets)
        return StartingEngine(FakeEngine, Library(models=(), samplers={}))

    monkeypatch.setattr(opening, "start_local", started)
    more = ("--models", str(tmp_path / "more"), "--preview", "tiny", "--ram-budget", "3")
    opened(flags(tmp_path, *more), places(ROOT), warm_up=None)
    assert told["models"][-1] == tmp_path / "more"
    assert told["budgets"][1] == 3.0
    assert told["preview"] == "tiny"
    assert told["warm_up"] is None
    assert "animal" in told["wildcards"] or len(told["wildcards"])
