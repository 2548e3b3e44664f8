"""The stand-in's work on one job, without a worker: what it delivers, tells and keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import Cancelled, OutOfMemory
from backend.contracts.requests import (
    Branch,
    CaptionedPicture,
    ResolvedRequest,
    Runnable,
    TrainLoraRequest,
)
from backend.contracts.settings import Settings, parse
from backend.contracts.settings.train_lora import parse_training
from backend.engine.fake.executor import FakeExecutor, Pretended
from backend.engine.fake.run import frame
from backend.engine.fake.steps import DrawnStep
from backend.engine.jobs.executor import JobRun
from backend.engine.jobs.job import Job, Patience
from backend.engine.jobs.timeline import TimelineStore

PLAIN: dict[str, Any] = {
    "prompt": "a red house",
    "model": "pocket",
    "seed": 5,
    "steps": 4,
    "width": 64,
    "height": 64,
    "guidance_scale": 4.0,
}


class Stand:
    """An executor and what surrounds it."""

    def __init__(self) -> None:
        self.pretended = Pretended(0.0, 0.0)
        self.timelines = TimelineStore[DrawnStep]()
        self.executor = FakeExecutor(self.pretended, self.timelines)

    def began(self, request: Runnable) -> JobRun:
        job = Job(request, "me", background=False, patience=Patience())
        assert job.start()
        return JobRun(job, lambda run: None, None)

    def ran(self, request: Runnable) -> JobRun:
        run = self.began(request)
        self.executor.execute(run)
        return run


def settings(mode: str = "txt2img", **values: Any) -> Settings:
    return parse(mode, PLAIN | values)


def one(**values: Any) -> ResolvedRequest:
    drawn = settings(**values)
    return ResolvedRequest(drawn, runs=(drawn,))


def test_a_run_is_delivered_and_every_step_kept() -> None:
    stand = Stand()
    run = stand.ran(one())
    (output,) = run.job.outputs
    assert np.array_equal(output.image, frame(one(), 0, 1.0))
    assert run.executed == 4
    info = stand.timelines.info(run.job.token)
    assert info is not None
    assert info.sigmas == pytest.approx((10.95, 7.3, 3.65, 0.0))


def test_progress_counts_over_all_batches() -> None:
    whole = settings(batch_count=2)
    stand = Stand()
    run = stand.ran(ResolvedRequest(whole, runs=(whole.batch(0), whole.batch(1))))
    assert [output.index for output in run.job.outputs] == [0, 1]
    assert [output.record.settings["seed"] for output in run.job.outputs] == [5, 6]
    assert (run.job.progress.step, run.job.progress.total) == (8, 8)


def test_a_model_is_loaded_once() -> None:
    stand = Stand()
    first = stand.began(one())
    stand.executor._load(first, "pocket")
    assert first.job.progress.note == "Loading pocket"
    second = stand.began(one())
    stand.executor._load(second, "pocket")
    assert second.job.progress.note == ""


def test_a_failure_comes_after_half_of_the_steps() -> None:
    stand = Stand()
    run = stand.began(one(prompt="a house !oom"))
    with pytest.raises(OutOfMemory, match="768x768 would fit"):
        stand.executor.execute(run)
    info = stand.timelines.info(run.job.token)
    assert info is not None
    assert info.steps == run.executed == 2


def test_a_branch_runs_only_what_follows_its_step() -> None:
    stand = Stand()
    drawn = settings()
    run = stand.ran(ResolvedRequest(drawn, branch=Branch("earlier", 2), runs=(drawn,)))
    info = stand.timelines.info(run.job.token)
    assert info is not None
    assert (run.executed, info.steps) == (1, 4)


def test_a_stopped_grid_keeps_the_cells_that_are_done() -> None:
    grid = settings("xyz_grid", x_field="steps", x_values="2, 3, 4")
    stand = Stand()
    run = stand.began(ResolvedRequest(grid, runs=tuple(grid.cells())))  # type: ignore[attr-defined]
    step = stand.executor._step

    def stopping(running: JobRun, *rest: Any) -> None:
        if running.executed == 5:
            running.job.cancel()
        step(running, *rest)

    stand.executor._step = stopping  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        stand.executor.execute(run)
    places = [output.index for output in run.job.outputs]
    assert places == [0, 1, 3]
    assert run.job.outputs[-1].record.extra["cells"] == 2


def test_a_training_is_told_validated_and_remembered() -> None:
    asked = parse_training({"name": "ink", "model": "pocket", "caption": "ink", "steps": 8})
    picture = CaptionedPicture("a.png", np.zeros((8, 8, 3), np.uint8))
    stand = Stand()
    run = stand.ran(TrainLoraRequest(asked, (picture,)))
    training = run.job.status(0).info["training"]
    assert training["validated"] == [2, 4, 6, 8]
    assert len(training["losses"]) == run.executed == 8
    assert training["lora"] == "ink"
    assert stand.pretended.trained == ["ink"]


def test_the_time_is_foreseen_from_steps_and_batches() -> None:
    stand = Stand()
    stand.pretended.step_time_s = 0.5
    assert stand.executor.foresee_s(settings(batch_count=3)) == 6.0


def test_a_stored_step_is_drawn_anew() -> None:
    stand = Stand()
    kept = DrawnStep(one(), 1)
    run = stand.began(one())
    wanted = frame(one(), 0, 0.5, "xt")
    with stand.executor.decoding(run, settings()) as decode:
        assert np.array_equal(decode(kept, "xt", 0), wanted)
    assert np.array_equal(stand.executor.glance(settings(), kept, "xt", 0), wanted)
