"""Every sampler goes on after a pause bit for bit, also after its state lay on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.engine.jobs.limits import Limits
from backend.engine.local.engine import LocalEngine
from backend.sampling.samplers import SPECS
from backend.storage.outputs import Storage
from tests.jobs import ended, until
from tests.tiny import tiny_checkpoint

BASE = {"prompt": "a red house", "model": "tiny", "steps": 5, "width": 64, "height": 64}
PICTURE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    return root


def made(models: Path, data: Path, limits: Limits) -> LocalEngine:
    return LocalEngine.create(
        [models],
        Storage(data),
        device="cpu",
        dtype="float32",
        warm_up=None,
        queue=data / "queue",
        limits=limits,
    )


@pytest.fixture
def engine(models: Path, tmp_path: Path) -> Iterator[LocalEngine]:
    """One that keeps no stored step of a resting job in memory."""
    engine = made(models, tmp_path, Limits(paused_bytes=0))
    yield engine
    engine.close()


def asked(engine: LocalEngine, *, rests: bool, **values: object) -> str:
    """A job that rests after its second step, if it shall."""
    mode = str(values.pop("mode", "txt2img"))
    images = {"image": PICTURE} if mode == "img2img" else {}
    wanted = Request(parse(mode, BASE | values), images, save=False)
    if not rests:
        return ask(engine, wanted, lasting=True)
    engine.pause(True)
    token = ask(engine, wanted, lasting=True)
    engine.pause_job(token)
    engine.resume_job(token, steps=2)
    engine.pause(False)
    status = until(engine, token, lambda now: now.state not in ("queued", "running"))
    assert status.state == "paused", status.error
    return token


@pytest.mark.parametrize("sampler", SPECS)
def test_every_sampler_goes_on_bit_for_bit(engine: LocalEngine, sampler: str) -> None:
    values = {"sampler": sampler, "schedule": SPECS[sampler].entry.schedules[0], "seed": 3}
    plain = ended(engine, asked(engine, rests=False, **values)).outputs[0].image
    token = asked(engine, rests=True, **values)
    engine.resume_job(token)
    done = ended(engine, token)
    assert done.state == "done", done.error
    np.testing.assert_array_equal(done.outputs[0].image, plain)


def test_three_rest_and_go_on_in_any_order(engine: LocalEngine) -> None:
    runs = [
        {"seed": 1, "sampler": "dpmpp_2m"},
        {"seed": 2, "hires_scale": 1.5, "hires_denoise": 0.6},
        {"seed": 3, "mode": "img2img", "strength": 0.9},
    ]
    plain = [ended(engine, asked(engine, rests=False, **run)).outputs[0].image for run in runs]
    tokens = [asked(engine, rests=True, **run) for run in runs]
    engine.resume_job(tokens[1], steps=4)  # into the second pass
    until(engine, tokens[1], lambda now: now.state == "paused")
    assert engine.status(tokens[1]).timeline.stages[-1] == 1  # type: ignore[union-attr]
    for which in (2, 0, 1):
        engine.resume_job(tokens[which])
    for token, picture in zip(tokens, plain, strict=True):
        np.testing.assert_array_equal(ended(engine, token).outputs[0].image, picture)


def test_a_resting_job_outlives_the_studio(models: Path, tmp_path: Path) -> None:
    first = made(models, tmp_path, Limits())
    schedule = SPECS["dpmpp_2m_sde"].entry.schedules[0]
    values = {"seed": 4, "sampler": "dpmpp_2m_sde", "schedule": schedule}
    plain = ended(first, asked(first, rests=False, **values)).outputs[0].image
    token = asked(first, rests=True, **values)
    before = first.status(token).timeline
    frame = first.timeline_frame(token, 1)
    first.close()
    second = made(models, tmp_path, Limits())
    try:
        status = second.status(token)
        assert (status.state, status.timeline) == ("paused", before)
        assert second.timeline_frame(token, 1).shape[2] == frame.shape[2]
        second.resume_job(token)
        done = ended(second, token)
        np.testing.assert_array_equal(done.outputs[0].image, plain)
    finally:
        second.close()
    assert not list((tmp_path / "queue" / "results").rglob("steps.bin"))
