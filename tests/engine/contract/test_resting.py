"""Jobs that rest: before a step, without the device, and on again bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.errors import BadInput, UnknownName
from backend.engine.jobs.asking import ask
from backend.engine.jobs.limits import Limits
from tests.engine.contract.conftest import Make, resting, wanted
from tests.jobs import ended, running, until

STEPS = 8


def test_a_job_rests_and_goes_on_as_if_it_had_not(make: Make) -> None:
    engine = make()
    plain = ended(engine, ask(engine, wanted(steps=STEPS, variation_seed=1)))
    token = resting(engine, 3, steps=STEPS, variation_seed=1)
    status = engine.status(token)
    assert status.timeline is not None
    assert status.timeline.steps == 3
    other = ended(engine, ask(engine, wanted(steps=1)))  # the device is free
    assert (other.state, engine.status(token).state) == ("done", "paused")
    engine.pause_job(token)  # as it is
    engine.resume_job(token, steps=1)
    status = until(engine, token, lambda now: now.state not in ("queued", "running"))
    assert status.timeline is not None
    assert (status.state, status.timeline.steps) == ("paused", 4)
    engine.resume_job(token)
    done = ended(engine, token)
    assert done.state == "done", done.error
    np.testing.assert_array_equal(done.outputs[0].image, plain.outputs[0].image)
    assert done.outputs[0].record.settings == plain.outputs[0].record.settings
    assert done.info["steps"] == STEPS
    assert done.timeline is not None
    assert done.timeline.steps == STEPS
    with pytest.raises(BadInput, match="not paused"):
        engine.resume_job(token)
    with pytest.raises(BadInput, match="has ended; branch"):
        engine.pause_job(token)


def test_it_is_changed_and_gone_on_with_from_an_earlier_step(make: Make) -> None:
    engine = make()
    token = resting(engine, 4, steps=STEPS)
    engine.change(token, {"prompt": "a blue boat"})
    engine.resume_job(token, step=1)
    done = ended(engine, token)
    record = done.outputs[0].record.settings
    assert record["changes"] == [{"step": 2, "field": "prompt", "value": "a blue boat"}]
    again = ended(engine, ask(engine, wanted(steps=STEPS, changes=record["changes"])))
    np.testing.assert_array_equal(done.outputs[0].image, again.outputs[0].image)


def test_of_several_batches_those_that_are_done_stay(make: Make) -> None:
    engine = make()
    plain = ended(engine, ask(engine, wanted(steps=6, batch_count=2)))
    token = resting(engine, 8, steps=6, batch_count=2)
    assert len(engine.results(token)) == 1
    engine.resume_job(token)
    done = ended(engine, token)
    assert [output.index for output in done.outputs] == [0, 1]
    for one, other in zip(done.outputs, plain.outputs, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_one_that_waits_rests_too_and_a_resting_one_is_stopped(make: Make) -> None:
    engine = make()
    engine.pause(True)
    token = ask(engine, wanted())
    engine.pause_job(token)
    engine.pause(False)
    ended(engine, ask(engine, wanted()))
    assert engine.status(token).state == "paused"
    engine.resume_job(token)
    assert ended(engine, token).state == "done"
    engine.pause(True)
    second = ask(engine, wanted())
    engine.pause_job(second)
    engine.cancel(second)
    assert engine.status(second).state == "stopped"
    with pytest.raises(UnknownName):
        engine.pause_job("nothing")


def test_what_cannot_rest_says_so(make: Make) -> None:
    engine = make(limits=Limits(paused=1))
    engine.pause(True)
    grid = ask(engine, wanted(hires_scale=1.0, batch_size=1))
    other = ask(engine, wanted())
    engine.pause_job(grid)
    with pytest.raises(BadInput, match="1 of your runs are paused already"):
        engine.pause_job(other)
    engine.pause(False)
    ended(engine, other)


def test_the_steps_of_a_resting_job_are_pinned(make: Make) -> None:
    engine = make()
    token = resting(engine, 2, steps=STEPS)
    steps = engine.status(token).timeline
    engine.free_memory()
    assert engine.timeline(token) == steps
    engine.cancel(token)
    engine.free_memory()
    assert engine.timeline(token) is None


def test_a_running_job_rests_before_its_next_step(make: Make) -> None:
    engine = make(60.0)
    token = running(engine, ask(engine, wanted()))
    engine.pause_job(token)
    assert engine.status(token).state == "running"  # within its step
    engine.cancel(token)
    assert ended(engine, token).state == "stopped"
