"""Steps as the stand-in keeps them."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import Img2ImgSettings, Txt2ImgSettings
from backend.engine.fake.steps import DrawnStep


def test_a_step_knows_how_far_the_run_is() -> None:
    request = Request(Txt2ImgSettings(seed=1, steps=4, batch_size=3))
    steps = [DrawnStep(request, index) for index in range(4)]
    assert [step.done for step in steps] == [0.25, 0.5, 0.75, 1.0]
    assert [step.sigma for step in steps] == pytest.approx([10.95, 7.3, 3.65, 0.0])
    assert {step.batch for step in steps} == {3}


def test_the_steps_of_a_run_share_the_bytes_of_its_pictures() -> None:
    picture = np.zeros((10, 20, 3), np.uint8)
    mask = np.zeros((10, 20, 3), np.uint8)
    settings = Img2ImgSettings(seed=1, steps=8, strength=0.5)
    step = DrawnStep(Request(settings, {"image": picture, "mask": mask}), 0)
    assert step.nbytes * 4 == picture.nbytes + mask.nbytes
    assert step.place == "cpu"
    assert DrawnStep(Request(Txt2ImgSettings(seed=1)), 0).nbytes == 0
