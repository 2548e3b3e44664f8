"""Steps of a job on their way to the timeline, the preview and the progress bar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from backend.contracts.errors import OutOfMemory
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.executor import JobRun
from backend.engine.jobs.job import Job, Patience
from backend.engine.local.kept_steps import Timelines
from backend.engine.local.steps import SHORT, JobSteps
from backend.models.autoencoder.preview import Previewer, PreviewKind
from backend.models.memory import memory_pressure
from backend.models.memory.memory_pressure import Thrift
from backend.sampling.types import State, Step

SETTINGS = Txt2ImgSettings(width=64, height=64, steps=4)


def running() -> JobRun:
    job = Job(Request(SETTINGS), "me", background=False, patience=Patience())
    assert job.start()
    return JobRun(job, lambda run: None, None)


def step(index: int) -> Step:
    x = torch.full((1, 4, 8, 8), float(index))
    return Step(index, SETTINGS.steps, 4.0 - index, x, x / 8, State())


def small(latents: torch.Tensor) -> torch.Tensor:
    return latents[:, :3]


def previewers(
    render: Callable[[torch.Tensor], torch.Tensor],
) -> Callable[[PreviewKind], Previewer]:
    """A model whose decoder is `render`."""
    return lambda kind: Previewer(kind, "", small if kind == "fast" else render)


def test_steps_are_kept_counted_and_shown() -> None:
    run, timelines = running(), Timelines()
    steps = JobSteps(run, timelines, "fast")
    steps.begin(SETTINGS, previewers(small))
    for index in range(3):
        steps.step(step(index))
    info = timelines.info(run.job.token)
    assert info is not None
    assert info.sigmas == (4.0, 3.0, 2.0)
    assert run.executed == 3
    assert (run.job.progress.step, run.job.progress.total) == (3, 4)
    preview = run.job.previews.latest(0)
    assert preview is not None
    assert (preview.step, preview.total, preview.final) == (3, 4, False)


def short(latents: torch.Tensor) -> torch.Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def no_tile_fits(latents: torch.Tensor) -> torch.Tensor:
    raise OutOfMemory("A picture of this size cannot be decoded in the memory that is free.")


@pytest.mark.parametrize("kind", ["tiny", "full"])
@pytest.mark.parametrize("failing", [short, no_tile_fits])
def test_a_preview_that_runs_out_of_memory_is_small_from_then_on(
    kind: PreviewKind, failing: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    tried: list[int] = []
    relieved: list[bool] = []

    def render(latents: torch.Tensor) -> torch.Tensor:
        tried.append(len(latents))
        return failing(latents)

    run = running()
    steps = JobSteps(run, Timelines(), kind)
    with memory_pressure.in_force(Thrift(lambda: relieved.append(True), run.tell)):
        steps.begin(SETTINGS, previewers(render))
        for index in range(3):
            steps.step(step(index))
            preview = run.job.previews.latest(0)
            assert preview is not None
            assert preview.step == index + 1
        steps.begin(SETTINGS, previewers(render))  # the next batch does not try again
        steps.step(step(0))
    assert tried == [1]
    assert relieved == [True]
    assert run.job.status(0).info["notes"] == [SHORT]


def test_another_error_of_a_preview_is_told() -> None:
    def broken(latents: torch.Tensor) -> torch.Tensor:
        raise ValueError("a decoder of another model")

    steps = JobSteps(running(), Timelines(), "full")
    steps.begin(SETTINGS, previewers(broken))
    with pytest.raises(ValueError, match="another model"):
        steps.step(step(0))


def test_pictures_that_are_known_beforehand_are_shown_before_any_step() -> None:
    run = running()
    steps = JobSteps(run, Timelines(), "fast")
    steps.show(np.zeros((2, 64, 64, 3), np.uint8))
    preview = run.job.previews.latest(0)
    assert preview is not None
    assert (preview.step, preview.final) == (0, False)


def test_the_rest_of_a_first_run_counts_a_larger_stage_by_its_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = SETTINGS.model_copy(update={"hires_scale": 2.0, "batch_count": 2})
    job = Job(Request(settings), "me", background=False, patience=Patience())
    assert job.start()
    run, now = JobRun(job, lambda run: None, None), [0.0]
    monkeypatch.setattr("backend.engine.local.steps.time.monotonic", lambda: now[0])
    steps, told = JobSteps(run, Timelines(), "off"), list[float | None]()
    for batch in range(2):
        steps.batch(batch, 2)
        steps.begin(SETTINGS, previewers(small), 0, 4)
        for index in range(4):
            now[0] += 1.0
            steps.step(step(index))
            told.append(job.progress.eta_s)
        steps.next_stage(SETTINGS, previewers(small))
        for index in range(4):
            now[0] += 4.0
            steps.step(step(index))
            told.append(job.progress.eta_s)
    # A step takes 1 s, one of the second stage 4 s: each of two batches 20 s.
    assert told[:4] == [None, 38.0, 37.0, 36.0]
    assert told[5:8] == [28.0, 24.0, 20.0]
    assert told[9:12] == [18.0, 17.0, 16.0]
    assert told[13:] == [8.0, 4.0, 0.0]
