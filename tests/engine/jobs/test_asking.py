"""From what is asked for to a job, in one call."""

from __future__ import annotations

import pytest

from backend.contracts.errors import UnknownName
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from tests.jobs import ended


def test_what_is_asked_is_settled_by_what_the_engine_has() -> None:
    engine = FakeEngine(step_time_s=0.0)
    try:
        status = ended(engine, ask(engine, Request(Txt2ImgSettings(steps=2), save=False)))
        settings = status.outputs[0].record.settings
        assert (settings["model"], settings["width"], settings["guidance_scale"]) == (
            "pocket",
            256,
            4.0,
        )
        assert settings["seed"] >= 0
        with pytest.raises(UnknownName, match="no model 'nowhere'"):
            ask(engine, Request(Txt2ImgSettings(model="nowhere")))
    finally:
        engine.close()
