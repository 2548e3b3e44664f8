"""Batch count on a small random model: the batches are what they are alone, in one job."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Branch, Request
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests.modes.test_hires import pictures, run, settings
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
    )
    yield engine
    engine.close()


@pytest.mark.parametrize("variation", [0.0, 0.4])
def test_count_times_size_is_one_large_batch(engine: LocalEngine, variation: float) -> None:
    varied = {"variation_seed": 8, "variation_strength": variation}
    one = run(engine, settings(batch_size=4, **varied))
    several = run(engine, settings(batch_size=2, batch_count=2, **varied))
    assert np.abs(pictures(one).astype(int) - pictures(several)).max() <= 1
    assert [output.index for output in several.outputs] == [0, 1, 2, 3]
    assert several.info["seeds"] == one.info["seeds"]
    assert (several.progress.step, several.progress.total) == (10, 10)
    assert several.info["steps"] == 10


def test_a_stop_keeps_the_batches_that_are_done(engine: LocalEngine) -> None:
    token = ask(engine, Request(settings(batch_count=50), save=False))
    status = engine.status(token)
    while len(status.outputs) < 2:
        status = engine.wait(token, status.revision, 5.0)
    engine.cancel(token)
    while status.state in ("queued", "running"):
        status = engine.wait(token, status.revision, 5.0)
    assert status.state == "stopped"
    assert 2 <= len(status.outputs) < 50
    assert "kept" in (status.error or "")


def test_a_branch_is_one_batch(engine: LocalEngine) -> None:
    several = run(engine, settings(batch_count=2))
    with pytest.raises(BadInput, match="batch count"):
        ask(engine, Request(settings(batch_count=2), branch=Branch(several.token, 1)))
    last = run(engine, settings(seed=4), Branch(several.token, 1))
    assert np.array_equal(pictures(last)[0], pictures(several)[1])
