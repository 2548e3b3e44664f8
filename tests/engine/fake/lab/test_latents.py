"""The stand-in's autoencoder, through the engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from backend.contracts.lab.latents import LatentsSettings, NoiseAtSettings
from backend.contracts.requests import Request
from backend.engine.fake.engine import FakeEngine
from backend.engine.fake.lab.latents import coarse
from backend.engine.jobs.asking import ask
from tests.jobs import ended
from tests.modes.lab.looking import picture


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    made = FakeEngine(step_time_s=0.001)
    yield made
    made.close()


def test_it_tells_what_the_real_one_tells(engine: FakeEngine) -> None:
    asked = Request(LatentsSettings(), {"image": picture()}, save=False)
    status = ended(engine, ask(engine, asked))
    assert status.state == "done", status.error
    assert {"original", "difference", "channel-0"} <= set(status.outputs[0].views)
    assert status.info["lab"]["psnr"] > 10
    assert len(status.info["lab"]["levels"]) == LatentsSettings().steps


def test_noise_is_drawn_with_and_without_a_picture(engine: FakeEngine) -> None:
    for images in ({}, {"image": picture()}):
        status = ended(engine, ask(engine, Request(NoiseAtSettings(level=3), images, save=False)))
        assert status.state == "done", status.error
        assert len(status.outputs) == 2
        assert (status.info["lab"]["psnr"] is None) == (not images)


def test_squares_keep_the_size() -> None:
    made = coarse(picture(), 5)
    assert made.shape == picture().shape
    assert np.array_equal(made[0, 0], made[4, 4])
