"""The stand-in's digits: out of noise, and in the list at the end."""

from __future__ import annotations

import numpy as np

from backend.contracts.requests import TrainDigitsRequest
from backend.contracts.settings.train_digits import parse_digits
from backend.engine.fake.digits import sheet, steps
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from tests.jobs import ended


def test_steps_are_given_or_follow_the_minutes() -> None:
    assert steps(TrainDigitsRequest(parse_digits({"name": "a", "steps": 7}))) == 7
    assert steps(TrainDigitsRequest(parse_digits({"name": "a", "minutes": 2}))) == 24


def test_a_sheet_grows_clear() -> None:
    asked = TrainDigitsRequest(parse_digits({"name": "a", "steps": 4}))
    first, last = sheet(asked, 1), sheet(asked, 4)
    assert first.image.shape == last.image.shape == (128, 320, 3)
    assert not np.array_equal(first.image, last.image)
    assert np.median(last.image) == 0


def test_the_model_is_listed_afterwards() -> None:
    engine = FakeEngine(step_time_s=0.001)
    try:
        request = TrainDigitsRequest(parse_digits({"name": "mine", "steps": 8}))
        status = ended(engine, ask(engine, request))
        assert status.state == "done", status.error
        assert status.info["training"]["model"] == "mine"
        assert status.info["training"]["validated"] == [2, 4, 6, 8]
        assert "mine" in {model.name for model in engine.library().models}
    finally:
        engine.close()
