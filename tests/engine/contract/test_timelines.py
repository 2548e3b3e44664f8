"""Stored steps: looked at, branched from, saved as a video; and what is held in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.events import JobStatus
from backend.contracts.requests import Branch, VideoRequest
from backend.engine.jobs.asking import ask
from backend.engine.jobs.limits import Limits
from backend.engine.jobs.protocol import Engine
from tests.engine.contract.conftest import SIDE_PX, STEPS, Make, wanted
from tests.jobs import ended, running, until, video_of


def drawn(engine: Engine, **values: object) -> JobStatus:
    """A run that is done."""
    status = ended(engine, ask(engine, wanted(**values)))
    assert status.state == "done", status.error
    return status


def test_a_run_keeps_its_steps(make: Make) -> None:
    engine = make()
    info = drawn(engine, batch_size=2).timeline
    assert info is not None
    assert (info.steps, info.batch) == (STEPS, 2)
    levels = engine.levels(wanted().settings)
    assert info.sigmas == pytest.approx(levels[1:])
    assert list(levels) == sorted(levels, reverse=True)


def test_the_timeline_ends_in_the_picture(make: Make) -> None:
    engine = make()
    done = drawn(engine)
    last = engine.timeline_frame(done.token, STEPS - 1)
    assert np.array_equal(last, done.outputs[0].image)
    assert not np.array_equal(engine.timeline_frame(done.token, 0), last)
    noised = engine.timeline_frame(done.token, 0, "xt")
    assert not np.array_equal(noised, engine.timeline_frame(done.token, 0, "x0"))


def test_a_step_that_is_not_kept_is_told(make: Make) -> None:
    engine = make()
    token = drawn(engine).token
    with pytest.raises(UnknownName, match=f"kept {STEPS} steps"):
        engine.timeline_frame(token, STEPS)
    with pytest.raises(BadInput, match="made 1 pictures"):
        engine.timeline_frame(token, 0, "x0", 1)
    with pytest.raises(UnknownName, match="no longer kept"):
        engine.timeline_frame("nothing", 0)


def test_a_branch_with_the_same_settings_gives_the_same_picture(make: Make) -> None:
    engine = make()
    done = drawn(engine)
    token = ask(engine, replace(wanted(), branch=Branch(done.token, 1)))
    again = ended(engine, token)
    assert np.array_equal(again.outputs[0].image, done.outputs[0].image)
    assert again.info["steps"] == STEPS - 2
    assert again.outputs[0].record.extra["branched_at"] == 2
    assert again.timeline == done.timeline


def test_a_video_has_every_step_in_full_size(make: Make, tmp_path: Path) -> None:
    engine = make()
    path = tmp_path / "run.mp4"
    path.write_bytes(video_of(engine, drawn(engine).token))
    frames, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    size = next(imageio_ffmpeg.read_frames(str(path)))["size"]
    assert size == (2 * SIDE_PX, SIDE_PX)
    assert frames == STEPS + 10  # the last one stands for a second


def test_a_video_is_of_full_size_while_the_device_is_busy(make: Make, tmp_path: Path) -> None:
    engine = make(0.02)
    done = drawn(engine)
    busy = running(engine, ask(engine, wanted(steps=30)))
    token = engine.submit(VideoRequest(done.token))
    waiting = engine.status(token)
    assert (waiting.state, waiting.position) == ("queued", 1)
    assert engine.file(token) is None
    status = ended(engine, token)
    file = engine.file(token)
    assert file is not None
    assert engine.status(busy).state == "done"
    assert (status.progress.step, status.progress.total) == (STEPS, STEPS)
    path = tmp_path / file.name
    path.write_bytes(file.content)
    assert next(imageio_ffmpeg.read_frames(str(path)))["size"] == (2 * SIDE_PX, SIDE_PX)


def test_a_video_that_cannot_be_is_refused(make: Make) -> None:
    engine = make()
    token = drawn(engine).token
    with pytest.raises(BadInput, match="made 1 pictures"):
        engine.submit(VideoRequest(token, image=1))
    for fps in (0, 1000):
        with pytest.raises(BadInput, match="frames a second"):
            engine.submit(VideoRequest(token, fps=fps))


def test_looking_at_steps_waits_for_nobody(make: Make) -> None:
    """While the device is busy there is a picture at once, as small as it may be."""
    engine = make(0.02)
    done = drawn(engine)
    busy = running(engine, ask(engine, wanted(steps=100)))
    frame = engine.timeline_frame(done.token, 1)
    assert engine.status(busy).state == "running"
    height, width = frame.shape[:2]
    assert height == width <= SIDE_PX
    assert height > 1
    engine.cancel(busy)


def test_what_is_kept_is_counted_and_goes_with_free_memory(make: Make) -> None:
    engine = make()
    past, last = drawn(engine), drawn(engine, seed=6)
    kept = {holding.what: holding.nbytes for holding in engine.memory().kept}
    assert kept["results"] == 2 * last.outputs[0].image.nbytes
    assert engine.free_memory() >= kept["results"] // 2
    left = {holding.what: holding.nbytes for holding in engine.memory().kept}
    assert left == {"results": last.outputs[0].image.nbytes}
    assert engine.timeline(last.token) is None
    with pytest.raises(UnknownName):
        engine.status(past.token)
    assert engine.results(last.token) == last.outputs


def test_a_running_job_keeps_its_steps_when_memory_is_freed(make: Make) -> None:
    engine = make(0.05)
    token = ask(engine, wanted(steps=40))
    until(engine, token, lambda now: now.progress.step >= 3)
    engine.free_memory()
    status = ended(engine, token)
    assert status.state == "done", status.error
    assert status.timeline is not None
    assert status.timeline.steps == 40


def test_results_are_bounded_in_bytes(make: Make) -> None:
    picture = SIDE_PX * SIDE_PX * 3
    engine = make(limits=Limits(results_bytes=2 * picture))
    tokens = [drawn(engine, seed=seed).token for seed in range(4)]
    (held,) = [each for each in engine.memory().kept if each.what == "results"]
    assert held.nbytes <= 2 * picture
    with pytest.raises(UnknownName):
        engine.results(tokens[0])
    assert engine.results(tokens[-1])


def test_a_fan_goes_on_with_one_picture_as_it_was_and_others_with_new_noise(make: Make) -> None:
    engine = make()
    plain = drawn(engine, batch_size=3)
    token = ask(engine, replace(wanted(batch_size=3), branch=Branch(plain.token, 1, fan=True)))
    fan = ended(engine, token)
    assert fan.state == "done", fan.error
    assert len(fan.outputs) == 3
    first, second, third = (output.image for output in fan.outputs)
    assert np.array_equal(first, plain.outputs[0].image)
    assert not np.array_equal(second, first)
    assert not np.array_equal(second, third)
    alone = drawn(engine)
    five = ask(engine, replace(wanted(batch_size=5), branch=Branch(alone.token, 0, fan=True)))
    assert len(ended(engine, five).outputs) == 5
