"""One-pass enlarging: progress and Stop by tile, passes, and what happens when memory is short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from backend.contracts.errors import Cancelled, OutOfMemory
from backend.contracts.events import Progress
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.manager import ModelManager
from backend.models.memory import memory_pressure
from backend.models.memory.devices import pick
from backend.models.memory.memory_pressure import Thrift
from backend.models.upscaler.upscaler import Upscaler, load_upscaler
from backend.modes.context import Context
from backend.modes.one_pass import enlarged
from backend.pictures.fit import fit
from backend.pictures.tiles import in_tiles
from tests.upscalers import upscaler_file

CPU = pick("cpu", "float32")
SOURCE = np.random.default_rng(3).integers(0, 256, (96, 144, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def sharp(tmp_path_factory: pytest.TempPathFactory) -> Upscaler:
    root: Path = tmp_path_factory.mktemp("models")
    upscaler_file(root / "upscalers" / "sharp.safetensors", "Compact")
    return load_upscaler(Catalog([root], FAMILIES).find("upscaler", "sharp"), CPU, CPU.device)


class Job:
    """What a job notes."""

    def __init__(self, upscaler: Upscaler, stop_at: int = -1) -> None:
        self.told: list[Progress] = []
        self.stop_at = stop_at
        nothing: Any = None
        models: Any = ModelManager(lambda name: upscaler, 2**30)
        self.report: Callable[[Progress], None] = self.told.append
        self.interludes: list[Any] = []
        job: Any = self
        self.context = Context(job, models, nothing, nothing, nothing)

    def check(self) -> None:
        if len(self.counted) == self.stop_at:
            raise Cancelled

    @property
    def counted(self) -> list[tuple[int, int]]:
        return [(one.step, one.total) for one in self.told if one.stage == "enlarging"]


def test_progress_counts_tiles_and_foresees_the_rest(sharp: Upscaler) -> None:
    job = Job(sharp)
    made = enlarged(SOURCE, (576, 384), "sharp", job.context, tile_px=64)
    assert (made == in_tiles(SOURCE, 4, sharp, 64)).all()
    assert job.counted == [(done, 6) for done in range(7)]
    assert job.told[-1].eta_s == 0


def test_stop_comes_between_two_tiles(sharp: Upscaler) -> None:
    job = Job(sharp, stop_at=3)
    with pytest.raises(Cancelled):
        enlarged(SOURCE, (576, 384), "sharp", job.context, tile_px=64)
    assert job.counted == [(0, 6), (1, 6), (2, 6)]


def test_what_is_too_small_by_one_pass_takes_another(sharp: Upscaler) -> None:
    small = SOURCE[:24, :32]
    job = Job(sharp)
    made = enlarged(small, (160, 120), "sharp", job.context, tile_px=0)
    twice = in_tiles(in_tiles(small, 4, sharp, 0), 4, sharp, 0)
    assert (made == fit(twice, 160, 120, "crop").image).all()


def test_where_memory_is_short_tiles_are_halved_and_it_is_told(
    sharp: Upscaler, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: list[int] = []
    own = Upscaler.__call__

    def short(self: Upscaler, tile: np.ndarray) -> np.ndarray:
        sides.append(max(tile.shape[:2]))
        if sides[-1] > 64:
            raise torch.OutOfMemoryError
        return own(self, tile)

    monkeypatch.setattr(Upscaler, "__call__", short)
    said: list[str] = []
    freed: list[None] = []
    job = Job(sharp)
    with memory_pressure.in_force(Thrift(cast("Any", lambda: freed.append(None)), said.append)):
        made = enlarged(SOURCE, (576, 384), "sharp", job.context, tile_px=0)
    assert said == ["Memory was short, so it went on in tiles of 64 px."]
    assert (sides[0], len(freed)) == (144, 1)
    assert made.shape == (384, 576, 3)


def test_where_nothing_fits_it_is_said(sharp: Upscaler, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Upscaler, tile: np.ndarray) -> np.ndarray:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Upscaler, "__call__", never)
    with pytest.raises(OutOfMemory, match="not even in small tiles"):
        enlarged(SOURCE, (576, 384), "sharp", Job(sharp).context, tile_px=256)
