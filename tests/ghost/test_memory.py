"""The memory of a GPU that is not there: every byte is on the ledger, and a shortage ends well."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.models.memory.device_space import IN_TURNS
from backend.models.memory.devices import pick
from tests import jobs
from tests.ghost.machine import Machine
from tests.ghost.studio import Drawn, Studio, farthest, library, weights_bytes
from tests.ghost.work import COMMON

# A run's preview keeps the map of its colours: 4x4 of them for each 3x3 cells of 4 channels.
MAP_BYTES = 4 * 3 * 4 * 4 * (4 * 3 * 3 + 1)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def expected(root: Path) -> Iterator[Drawn]:
    studio = Studio(root, pick("cpu", "float32"))
    yield studio.draw(wanted())
    studio.engine.close()


def wanted(**values: object) -> Request:
    return Request(Txt2ImgSettings.model_validate(COMMON | {"batch_size": 2} | values), save=False)


def kept(studio: Studio, place: str) -> int:
    """Bytes beside weights, by the ledger."""
    return sum(item.nbytes for item in studio.engine.memory().kept if item.place == place)


def settled(machine: Machine, index: int, most: int) -> int:
    """Bytes that are taken, once the worker has let go of what the ended job held."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        gc.collect()
        if machine.memory.used[index] <= most:
            break
        time.sleep(0.05)
    return machine.memory.used[index]


def test_every_byte_on_the_device_is_on_the_ledger_and_can_be_freed(
    ghost: Machine, root: Path
) -> None:
    studio = Studio(root, ghost.target(1), ghost)
    try:
        studio.draw(wanted())
        told = studio.engine.memory()
        counted = told.used_bytes + kept(studio, "ghost:1")
        assert 0 <= settled(ghost, 1, counted + MAP_BYTES) - counted <= MAP_BYTES
        assert {item.what for item in told.kept} >= {"timelines", "encoded prompts", "results"}
        assert ghost.memory.used[0] == 0
        assert studio.engine.free_memory() >= told.used_bytes + kept(studio, "ghost:1")
        gc.collect()
        assert ghost.memory.used[1] <= MAP_BYTES  # the last preview may still be asked for
        assert kept(studio, "ghost:1") == 0
    finally:
        studio.engine.close()


def test_old_steps_leave_the_device_before_a_model_has_to_take_turns(
    ghost: Machine, root: Path
) -> None:
    size = weights_bytes(root)
    studio = Studio(root, ghost.target(), ghost, size + 10_000)
    try:
        studio.draw(wanted(steps=12))
        assert kept(studio, "ghost:0") > 10_000
        drawn = studio.draw(wanted(model="other"))
        assert IN_TURNS not in drawn.status.info.get("notes", [])
    finally:
        studio.engine.close()


def test_a_device_that_holds_one_row_draws_in_parts(
    ghost: Machine, root: Path, expected: Drawn
) -> None:
    studio = Studio(root, ghost.target(), ghost)
    try:
        one = studio.draw(wanted(batch_size=1))
        room = ghost.memory.most[0]
        studio.draw(wanted())
        assert ghost.memory.most[0] > room
        assert one.steps == 4
        studio.engine.free_memory()
        gc.collect()
        ghost.memory.capacity = (room + ghost.memory.most[0]) // 2
        drawn = studio.draw(wanted())
        assert any("Memory was short" in note for note in drawn.status.info["notes"])
        assert farthest(drawn.pictures, expected.pictures) <= 1
        assert ghost.memory.most[0] > ghost.memory.capacity  # that of the run before
    finally:
        studio.engine.close()


@pytest.mark.parametrize("late", [0.2, 0.5, 0.9])
def test_an_allocation_that_fails_once_ends_well(
    ghost: Machine, root: Path, expected: Drawn, late: float
) -> None:
    studio = Studio(root, ghost.target(), ghost)
    try:
        studio.draw(wanted())
        before = ghost.memory.allocations
        studio.draw(wanted())
        number = before + int((1 + late) * (ghost.memory.allocations - before))
        ghost.memory.refuses = lambda count, nbytes: count == number
        drawn = studio.draw(wanted())
        assert ghost.memory.allocations > number
        assert farthest(drawn.pictures, expected.pictures) <= 1
    finally:
        studio.engine.close()


def test_two_devices_work_side_by_side_and_mix_nothing(
    ghost: Machine, root: Path, expected: Drawn
) -> None:
    studios = [Studio(root, ghost.target(index), ghost) for index in (0, 1)]
    try:
        for studio in studios:  # libraries do not load two models at once in a process
            studio.draw(wanted(steps=1))
        tokens = [ask(studio.engine, wanted()) for studio in studios]
        for index, (studio, token) in enumerate(zip(studios, tokens, strict=True)):
            status = jobs.ended(studio.engine, token, timeout_s=120)
            assert status.state == "done", status.error
            pictures = [output.image for output in status.outputs]
            assert farthest(pictures, expected.pictures) <= 1
            assert status.outputs[0].record.extra["device"] == f"ghost:{index}"
        assert min(ghost.memory.used[0], ghost.memory.used[1]) > 0
    finally:
        for studio in studios:
            studio.engine.close()


@pytest.mark.parametrize("kind", ["fast", "full"])
def test_a_preview_reads_nothing_that_may_have_left(ghost: Machine, root: Path, kind: str) -> None:
    """Its stream waits for what it reads, though the autoencoder comes and goes."""
    size = weights_bytes(root) // 3
    studio = Studio(root, ghost.target(), ghost, size, "full" if kind == "full" else "fast")
    try:
        token = ask(studio.engine, wanted())
        status = jobs.ended(studio.engine, token, timeout_s=120)
        assert status.state == "done", status.error
        assert IN_TURNS in status.info["notes"]
        preview = asyncio.run(studio.engine.next_preview(token, 0, 5.0))
        assert preview is not None
        assert preview.final
        gc.collect()
        assert ghost.problems == []
    finally:
        studio.engine.close()
