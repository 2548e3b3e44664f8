"""Changes of a job while it runs: from the next step on, and told so that it can be repeated."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from tests.engine.contract.conftest import Make, resting, wanted
from tests.jobs import ended, until

STEPS = 8


def test_a_change_acts_from_the_next_step_and_its_record_makes_it_again(make: Make) -> None:
    engine = make()
    plain = ended(engine, ask(engine, wanted(steps=STEPS)))
    token = resting(engine, 3, steps=STEPS)
    engine.change(token, {"prompt": "a blue boat", "guidance_scale": 6.0, "steer": "off"})
    engine.resume_job(token)
    made = ended(engine, token)
    assert made.state == "done", made.error
    changes = made.info["changes"]
    assert [(each["step"], each["field"]) for each in changes] == [
        (3, "prompt"),
        (3, "guidance_scale"),
    ]
    record = made.outputs[0].record
    assert record.settings["changes"] == changes
    assert record.settings["prompt"] == "a red house"
    again = ended(engine, ask(engine, Request(parse(record.mode, record.settings))))
    np.testing.assert_array_equal(again.outputs[0].image, made.outputs[0].image)
    assert again.outputs[0].record.settings == record.settings
    for step, alike in ((2, True), (3, False)):
        before, after = (engine.timeline_frame(one.token, step) for one in (plain, made))
        assert np.array_equal(before, after) is alike


def test_a_running_job_is_changed_before_its_next_step(make: Make) -> None:
    engine = make(0.3)
    token = ask(engine, wanted(steps=40))
    until(engine, token, lambda now: now.progress.step >= 1)
    engine.change(token, {"prompt": "a blue boat"})
    seen = engine.status(token).progress.step
    status = until(engine, token, lambda now: "changes" in now.info)
    assert 1 <= status.info["changes"][0]["step"] <= seen + 1
    engine.cancel(token)


def test_each_batch_notes_what_held_in_it(make: Make) -> None:
    engine = make()
    token = resting(engine, 2, steps=STEPS, batch_count=2)
    engine.change(token, {"prompt": "a blue boat"})
    engine.resume_job(token)
    made = ended(engine, token)
    first, second = (output.record.settings["changes"] for output in made.outputs)
    assert [each["step"] for each in first] == [2]
    assert [each["step"] for each in second] == [0]


def test_what_is_so_already_is_no_change(make: Make) -> None:
    engine = make()
    engine.pause(True)
    token = ask(engine, wanted())
    engine.change(token, {"prompt": "a red house"})
    engine.pause(False)
    made = ended(engine, token)
    assert "changes" not in made.info
    assert "changes" not in made.outputs[0].record.settings


def test_what_cannot_be_changed_is_refused(make: Make) -> None:
    engine = make()
    engine.pause(True)
    token = ask(engine, wanted())
    with pytest.raises(BadInput, match="'Steps' cannot be changed while the picture forms"):
        engine.change(token, {"steps": 9})
    with pytest.raises(BadInput, match="guidance_scale"):
        engine.change(token, {"guidance_scale": 99.0})
    several = ask(engine, wanted(loras=[]))
    with pytest.raises(BadInput, match="Only the weights"):
        engine.change(several, {"prompt": "a boat", "loras": [{"name": "other"}]})
    engine.pause(False)
    for each in (token, several):
        ended(engine, each)
    with pytest.raises(BadInput, match="has ended"):
        engine.change(token, {"prompt": "a boat"})
    with pytest.raises(UnknownName):
        engine.change("nothing", {"prompt": "a boat"})
