"""Two GPUs that are not there: loads and mixes at once, nothing mixed, and one that falls off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.contracts.events import Output
from backend.contracts.requests import ModeRequest, Request
from backend.contracts.settings import LoraMixSettings, Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.cache import Budgets
from backend.engine.local.engine import LocalEngine
from backend.engine.local.stations import stations
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.modes import run_mode
from backend.modes.context import Context
from tests.ghost.machine import Machine
from tests.ghost.studio import Studio, library
from tests.ghost.work import COMMON, INK, NEON
from tests.jobs import ended


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library(tmp_path_factory.mktemp("models"))


def asked() -> list[Request]:
    mixes = ([INK], [NEON], [INK, NEON], [NEON, INK])
    return [
        Request(kind.model_validate(COMMON | {"seed": n, "loras": mix, "model": model}), save=False)
        for n, (kind, mix, model) in enumerate(
            zip(
                (Txt2ImgSettings, LoraMixSettings, Txt2ImgSettings, LoraMixSettings),
                mixes,
                ("tiny", "other", "other", "tiny"),
                strict=True,
            )
        )
    ]


class Two:
    """An engine on both devices; its first jobs begin when both have one.

    Attributes:
        falls: The number of the device that is lost once a job has begun on it.
    """

    def __init__(self, root: Path, machine: Machine, *, together: bool) -> None:
        catalog = Catalog([root], FAMILIES)
        targets = {f"ghost:{n}": machine.target(n) for n in (0, 1)}
        first, beside = stations(catalog, targets, Budgets(None, 2**40))
        self.machine, self.falls = machine, -1
        self._first = first
        self._barrier = threading.Barrier(2, timeout=120) if together else None
        self.engine = LocalEngine(
            catalog,
            first.models,
            first.target,
            None,
            run=self._run,
            name=first.name,
            beside=[beside],
        )

    def _run(self, request: ModeRequest, context: Context) -> Iterator[Output]:
        if self._barrier is not None:
            self._barrier.wait()
        if self.falls >= 0 and (context.models is self._first.models) == (self.falls == 0):
            self.machine.memory.lost.add(self.falls)
        yield from run_mode(request, context)


def alone(root: Path, machine: Machine, requests: list[Request]) -> list[np.ndarray]:
    studio = Studio(root, machine.target(0), machine)
    try:
        return [studio.draw(one).pictures[0] for one in requests]
    finally:
        studio.engine.close()


def test_both_load_and_mix_at_once_and_draw_what_one_draws(ghost: Machine, root: Path) -> None:
    expected = alone(root, ghost, asked())
    two = Two(root, ghost, together=True)
    try:
        tokens = [ask(two.engine, one) for one in asked()]
        drawn = [ended(two.engine, token, 240) for token in tokens]
        assert [one.error for one in drawn] == [None] * 4
        for ours, theirs in zip(drawn, expected, strict=True):
            assert np.array_equal(ours.outputs[0].image, theirs)
        on = {one.outputs[0].record.extra["device"] for one in drawn}
        assert on == {"ghost:0", "ghost:1"}
        devices = two.engine.memory().devices
        assert [one.hardware for one in devices] == ["Ghost 0", "Ghost 1"]
        assert all(one.used_bytes for one in devices)
        assert ghost.problems == []
    finally:
        two.engine.close()


def test_a_lost_device_is_taken_out_and_its_job_drawn_on_the_other(
    ghost: Machine, root: Path
) -> None:
    expected = alone(root, ghost, asked()[:1])
    two = Two(root, ghost, together=False)
    try:
        two.falls = 0
        two.engine.set_device("ghost:1", pinned="other")
        token = ask(two.engine, asked()[0])
        status = two.engine.status(token)
        while not two.engine.memory().devices[0].failed:
            status = two.engine.wait(token, status.revision, 1.0)
            assert status.state in ("queued", "running"), status.error
        two.engine.set_device("ghost:1", pinned="")
        status = ended(two.engine, token, 240)
        assert status.state == "done", status.error
        assert np.array_equal(status.outputs[0].image, expected[0])
        assert status.outputs[0].record.extra["device"] == "ghost:1"
        first, second = two.engine.memory().devices
        assert "fallen off the bus" in first.failed
        assert not second.failed
    finally:
        two.engine.close()
        ghost.memory.lost.clear()
