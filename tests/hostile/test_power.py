"""The power goes: what was promised is there, what is half written is nowhere, no job is lost."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.engine.jobs.lasting import AGAIN
from backend.recipes.metadata import read
from backend.storage.atomic_files import clear_leftovers
from backend.storage.outputs import Storage
from tests.hostile.power import Power, full_syncs
from tests.jobs import ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="folders are named by /proc")
JOBS = 20
SIDE_PX = 64


def engine_on(data: Path) -> FakeEngine:
    clear_leftovers(*(data / "outputs").glob("*"))  # as the studio does at its start
    return FakeEngine(storage=Storage(data), step_time_s=0.0, queue=data / "queue")


def asked(engine: FakeEngine, seed: int) -> str:
    size = {"width": SIDE_PX, "height": SIDE_PX}
    settings = parse("txt2img", {"prompt": "a house", "seed": seed, "steps": 2} | size)
    return ask(engine, Request(settings), "@ada/1", lasting=True)


@pytest.mark.slow
@pytest.mark.parametrize("cuts", [8, 80])
def test_where_unsynced_writes_are_lost_no_job_is_and_none_is_drawn_twice_unsaid(
    cuts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    seen = 0
    for number in range(cuts // 8):
        with monkeypatch.context() as patched:
            taken = cut_off(tmp_path / f"run-{number}" / "data", chance, patched)
        assert taken
        for copy, promised in taken:
            came_back(copy, promised, f"{seed}: {copy.name}")
            seen += 1
    assert seen >= cuts // 2


def cut_off(
    data: Path, chance: random.Random, patched: pytest.MonkeyPatch
) -> list[tuple[Path, dict[int, str]]]:
    """A queue of 20, and the disk at eight moments, with the jobs that were promised by then."""
    taken: list[tuple[Path, dict[int, str]]] = []
    accepted: dict[int, str] = {}
    moments = set(chance.sample(range(2, 2 * JOBS), 8))
    data.parent.mkdir()
    power = Power(data, chance, moments, lambda copy: taken.append((copy, dict(accepted))))
    power.watch(patched)
    engine = engine_on(data)
    lasting: Any = engine._lasting
    assert full_syncs(lasting._rows)
    for job in range(JOBS):
        accepted[job] = asked(engine, job)
        time.sleep(chance.uniform(0.0, 0.01))
    assert all(ended(engine, token).state == "done" for token in accepted.values())
    engine.close()
    return taken


def came_back(data: Path, promised: dict[int, str], which: str) -> None:
    """What a studio finds that starts on what the disk kept."""
    engine = engine_on(data)
    notes: dict[int, list[str]] = {}
    try:
        for seed, token in promised.items():
            status = ended(engine, token)
            assert status.state == "done", (which, seed, status.error)
            assert status.outputs[0].image.shape == (SIDE_PX, SIDE_PX, 3)
            notes[seed] = status.info.get("notes", [])
    finally:
        engine.close()
    drawn: Counter[int] = Counter()
    for path in (data / "outputs").rglob("*.png"):
        with Image.open(path) as picture:
            picture.load()  # whole
        drawn[int(read(path.read_bytes()).settings["seed"])] += 1
    for seed, told in notes.items():
        assert drawn[seed] >= 1, (which, seed)
        assert drawn[seed] == 1 or AGAIN in told, (which, seed, "drawn twice unsaid")
