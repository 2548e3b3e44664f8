"""Workers on the CPU that stand for cards: a cache each, and the single worker's pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.events import Output
from backend.contracts.requests import (
    Branch,
    ModeRequest,
    Request,
    ResolvedRequest,
    VideoRequest,
)
from backend.contracts.settings import Settings, Txt2ImgSettings, XyzGridSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.cache import Budgets
from backend.engine.local.engine import LocalEngine
from backend.engine.local.stations import Station, stations
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick, picks
from backend.modes import run_mode
from backend.modes.context import Context, Running
from tests.ghost.studio import library
from tests.ghost.work import COMMON, INK, NEON
from tests.jobs import ended

Run = Callable[[ModeRequest, Context], Iterator[Output]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library(tmp_path_factory.mktemp("models"))


def engine(root: Path, devices: str, run: Run = run_mode) -> LocalEngine:
    catalog = Catalog([root], FAMILIES)
    targets = picks(devices, "float32")
    first, *beside = stations(catalog, targets, Budgets(None, 2**32))
    return LocalEngine(
        catalog, first.models, first.target, None, run=run, name=first.name, beside=beside
    )


def wanted(seed: int, **values: object) -> Request:
    settings = COMMON | {"seed": seed} | values
    return Request(Txt2ImgSettings.model_validate(settings), save=False)


MIXES: tuple[dict[str, object], ...] = (
    {"loras": [INK]},
    {"loras": [NEON], "model": "other"},
    {"loras": [INK, NEON], "model": "other"},
    {},
)


def test_two_that_load_and_mix_at_once_draw_what_one_draws(root: Path) -> None:
    asked = [wanted(seed, **mix) for seed, mix in enumerate(MIXES)]
    alone = engine(root, "cpu")
    expected = [ended(alone, ask(alone, one)).outputs[0] for one in asked]
    alone.close()
    together = threading.Barrier(2, timeout=120)

    def run(request: ModeRequest, context: Context) -> Iterator[Output]:
        together.wait()  # two workers have a job each
        yield from run_mode(request, context)

    both = engine(root, "cpu,cpu", run)
    drawn = [ended(both, token).outputs[0] for token in [ask(both, one) for one in asked]]
    memory = both.memory()
    both.close()
    for ours, theirs in zip(drawn, expected, strict=True):
        assert np.array_equal(ours.image, theirs.image)
    assert {one.record.extra["device"] for one in drawn} == {"cpu:0", "cpu:1"}
    assert {one.record.extra["device"] for one in expected} == {"cpu"}
    assert [one.name for one in memory.devices] == ["cpu:0", "cpu:1"]
    assert all(one.residents and one.takes and not one.failed for one in memory.devices)
    assert memory.used_bytes == sum(one.used_bytes for one in memory.devices)


@dataclass(frozen=True, eq=False)
class Held:
    """A job whose model calls wait until another worker has begun a part of it."""

    job: Running
    helped: threading.Event

    def check(self) -> None:
        assert self.helped.wait(120)
        self.job.check()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.job, name)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Txt2ImgSettings, {"batch_count": 3, "loras": [INK]}),
        (XyzGridSettings, {"x_field": "steps", "x_values": "2, 3, 4"}),
    ],
    ids=["batches", "a grid"],
)
def test_an_idle_worker_draws_parts_of_a_job_and_no_picture_changes(
    root: Path, kind: type[Settings], values: dict[str, object]
) -> None:
    asked = Request(kind.model_validate(COMMON | {"variation_seed": 5} | values), save=False)
    alone = engine(root, "cpu")
    expected = ended(alone, ask(alone, asked)).outputs
    alone.close()
    helped = threading.Event()

    def run(request: ModeRequest, context: Context) -> Iterator[Output]:
        if isinstance(request, ResolvedRequest) and len(request.runs) > 1:
            return run_mode(request, replace(context, job=Held(context.job, helped)))
        helped.set()
        return run_mode(request, context)

    both = engine(root, "cpu,cpu", run)
    try:
        status = ended(both, ask(both, asked))
        assert status.state == "done", status.error
        assert [one.index for one in status.outputs] == [one.index for one in expected]
        for ours, theirs in zip(status.outputs, expected, strict=True):
            assert np.array_equal(ours.image, theirs.image)
            if ours.record.mode != "xyz_grid":
                assert ours.record.settings == theirs.record.settings
        on = {one.record.extra["device"] for one in status.outputs if "device" in one.record.extra}
        assert on == {"cpu:0", "cpu:1"}
    finally:
        both.close()


def test_what_one_has_drawn_another_goes_on_from(root: Path) -> None:
    both = engine(root, "cpu,cpu")
    try:
        both.set_device("cpu:1", takes=False)
        run = ask(both, wanted(1))
        assert ended(both, run).outputs[0].record.extra["device"] == "cpu:0"
        both.set_device("cpu:1", takes=True)
        both.set_device("cpu:0", takes=False)
        branch = Request(wanted(1).settings, branch=Branch(run, 1), save=False)
        again = ended(both, ask(both, branch))
        assert again.outputs[0].record.extra["device"] == "cpu:1"
        assert np.array_equal(again.outputs[0].image, both.results(run)[0].image)
        assert ended(both, both.submit(VideoRequest(run))).state == "done"
        with pytest.raises(UnknownName, match="nothing"):
            both.set_device("cpu:0", pinned="nothing")
    finally:
        both.close()


def test_no_picture_asks_which_precision_torch_prefers(root: Path) -> None:
    """The libraries change that for the whole process while they build a model on another card."""
    alone = engine(root, "cpu")
    try:
        asked = wanted(2, loras=[INK], batch_size=2, hires_scale=1.5)
        before = ended(alone, ask(alone, asked)).outputs
        torch.set_default_dtype(torch.bfloat16)
        try:
            after = ended(alone, ask(alone, asked)).outputs
        finally:
            torch.set_default_dtype(torch.float32)
        assert all(np.array_equal(a.image, b.image) for a, b in zip(before, after, strict=True))
    finally:
        alone.close()


def test_devices_are_named_and_one_alone_is_not() -> None:
    assert list(picks("cpu,cpu", "float32")) == ["cpu:0", "cpu:1"]
    assert list(picks("cpu:0, CPU:1", "float32")) == ["cpu:0", "cpu:1"]
    assert picks("cpu", "float32") == {"cpu": pick("cpu", "float32")}
    assert picks(None, "float32").values().__len__() == 1
    with pytest.raises(BadInput, match="no device 'tpu'"):
        picks("cpu,tpu")


def test_ram_is_divided_between_them(root: Path) -> None:
    catalog, budgets = Catalog([root], FAMILIES), Budgets(None, 3 * 2**20)
    made = stations(catalog, picks("cpu,cpu,cpu", "float32"), budgets)
    assert [one.models.budget_bytes for one in made] == [2**20] * 3
    (alone,) = stations(catalog, picks("cpu", "float32"), budgets)
    assert (alone.models.budget_bytes, alone.name) == (3 * 2**20, "")
    assert isinstance(alone, Station)
