"""Jobs on a real engine and a tiny model, on a device that runs out of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.autoencoders.vae import Decoder
from transformers import CLIPTextModel

from backend.contracts.events import JobStatus
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.cache import Budgets
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests.engine.local.test_engine import ended
from tests.tiny import tiny_checkpoint

Fits = Callable[[torch.Tensor], bool]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalEngine]:
    for seed, name in enumerate(("tiny", "other")):
        tiny_checkpoint(tmp_path / "models" / "checkpoints" / name, seed=seed)
    made = LocalEngine.create(
        [tmp_path / "models"],
        Storage(tmp_path / "data"),
        device="cpu",
        dtype="float32",
        warm_up=None,
        budgets=Budgets(idle_s=float("inf")),
    )
    yield made
    made.close()


def run(engine: LocalEngine, **values: object) -> JobStatus:
    given = {
        "model": "tiny",
        "prompt": "a red house",
        "seed": 3,
        "steps": 2,
        "width": 64,
        "height": 64,
        "batch_size": 2,
    }
    settings = Txt2ImgSettings.model_validate(given | values)
    return ended(engine, ask(engine, Request(settings)), timeout_s=120)


def limit(monkeypatch: pytest.MonkeyPatch, cls: type[torch.nn.Module], fits: Fits) -> None:
    plain = cls.forward

    def limited(self: torch.nn.Module, x: torch.Tensor, *args: object, **options: object) -> object:
        if not fits(x):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return plain(self, x, *args, **options)

    monkeypatch.setattr(cls, "forward", limited)


def test_a_shortage_in_mid_run_lets_idle_models_go_and_ends_well(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(engine)
    run(engine, model="other")
    with monkeypatch.context() as patch:
        limit(patch, UNet2DConditionModel, lambda x: len(x) <= 2)
        status = run(engine)
    assert status.state == "done"
    assert status.info["notes"] == ["Memory was short, so each step was drawn in 2 parts."]
    assert {r.models for r in engine.memory().residents} == {("tiny",)}
    for ours, whole in zip(status.outputs, expected.outputs, strict=True):
        assert np.abs(ours.image.astype(int) - whole.image).max() <= 2
    assert "notes" not in run(engine).info


def test_a_shortage_before_the_first_step_starts_the_job_again(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False])
    limit(monkeypatch, CLIPTextModel, lambda x: next(answers, True))
    assert run(engine).state == "done"
    limit(monkeypatch, CLIPTextModel, lambda x: False)
    engine.free_memory()
    failed = run(engine, prompt="another")
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.startswith("There is not enough memory for this.")


def test_what_never_fits_is_told_with_what_would_and_the_next_job_runs(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(engine)
    before = engine.memory()
    with monkeypatch.context() as patch:
        limit(patch, UNet2DConditionModel, lambda x: False)
        failed = run(engine, width=256, height=256)
    assert failed.state == "failed"
    assert failed.error is not None
    assert "too much for the memory that is free. One picture of 1" in failed.error
    assert failed.error.endswith("px would fit.")
    with monkeypatch.context() as patch:
        limit(patch, Decoder, lambda z: False)
        assert "choose 32x32 px" in str(run(engine).error)
    after = run(engine)
    assert after.state == "done"
    assert engine.memory().ram_bytes == before.ram_bytes
