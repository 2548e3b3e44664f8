"""How fast pictures come here is learned from jobs, by model."""

from __future__ import annotations

import pytest

from backend.contracts.settings import MorphSettings, Txt2ImgSettings
from backend.engine.jobs.throughput import Pace

ONE = Txt2ImgSettings(model="a", width=64, height=64, guidance_scale=4.0, steps=10)
TWICE = ONE.model_copy(update={"steps": 20})


def test_nothing_is_known_before_a_job_has_run() -> None:
    assert Pace().seconds(ONE) is None


def test_time_grows_with_the_work_and_belongs_to_the_model() -> None:
    pace = Pace()
    pace.note(ONE, 2.0)
    assert pace.seconds(ONE) == pytest.approx(2.0)
    assert pace.seconds(TWICE) == pytest.approx(4.0)
    assert pace.seconds(ONE.model_copy(update={"model": "b"})) is None


def test_the_newest_job_counts_half() -> None:
    pace = Pace()
    pace.note(ONE, 2.0)
    pace.note(ONE, 4.0)
    assert pace.seconds(ONE) == pytest.approx(3.0)
    for _ in range(30):
        pace.note(ONE, 8.0)
    assert pace.seconds(ONE) == pytest.approx(8.0)


def test_morphs_and_jobs_that_took_no_time_teach_nothing() -> None:
    pace = Pace()
    pace.note(MorphSettings(model="a", width=64, height=64), 9.0)
    pace.note(ONE, 0.0)
    assert pace.seconds(ONE) is None
