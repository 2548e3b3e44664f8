"""The DDIM experiment through the engine, on a small random model of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contracts.events import JobStatus
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.contracts.settings.ddim_table import DdimTableSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.modes.ddim_table import _preview, distances
from backend.pictures.sheet import Sheet
from backend.storage.outputs import Storage
from tests.jobs import ended
from tests.tiny_pixels import tiny_ddpm


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root: Path = tmp_path_factory.mktemp("models")
    tiny_ddpm(root / "checkpoints" / "small")
    data = tmp_path_factory.mktemp("data")
    made = LocalEngine.create([root], Storage(data), device="cpu", dtype="float32", warm_up=None)
    yield made
    made.close()


def run(engine: LocalEngine, mode: str, **values: Any) -> JobStatus:
    status = ended(engine, ask(engine, Request(parse(mode, {"seed": 3} | values), save=False)))
    assert status.state == "done", status.error
    return status


def test_each_picture_is_txt2img_and_the_table_comes_last(engine: LocalEngine) -> None:
    status = run(engine, "ddim_table", step_counts="4, 10")
    assert [output.index for output in status.outputs] == list(range(7))
    *cells, sheet = status.outputs
    for output in cells:
        assert output.record.mode == "txt2img"
        (alone,) = run(engine, "txt2img", **output.record.settings).outputs
        assert np.array_equal(alone.image, output.image)
    assert [output.record.extra["compared"] for output in cells][::3] == [
        "eta 0, 4 steps",
        "eta 1, 10 steps",
    ]
    assert sheet.record.mode == "ddim_table"
    assert sheet.image.shape[1] > 2 * 16
    assert status.progress.step == status.progress.total == 3 * 14
    settings = parse("ddim_table", sheet.record.settings)
    assert isinstance(settings, DdimTableSettings)
    found = distances(settings, [output.image for output in cells])
    assert found[1] == 0.0
    assert sheet.record.extra["distances"] == [round(far, 3) for far in found]
    assert min(found[0], *found[2:]) > 0


def test_the_table_is_made_again_by_its_record(engine: LocalEngine) -> None:
    first = run(engine, "ddim_table", step_counts="3").outputs[-1]
    again = run(engine, "ddim_table", **first.record.settings).outputs[-1]
    assert np.array_equal(again.image, first.image)


def test_what_forms_is_as_large_as_what_is_done() -> None:
    sheet = Sheet(("4 steps", "8 steps"), ("eta 0",), ("",), (64, 64))
    done, small = np.full((64, 64, 3), 9, np.uint8), np.full((1, 8, 8, 3), 9, np.uint8)
    forming = _preview(sheet, (64, 64), [done], small)
    assert np.array_equal(forming[0], sheet.draw({0: done, 1: done}, 512))
