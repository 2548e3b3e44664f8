"""Digits as a job of the engine: sheets, a model that draws at once, stopping and going on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Request, TrainDigitsRequest
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.train_digits import parse_digits
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.modes.lab.digits import MODE
from backend.training.digits import fit as fitting
from tests.jobs import ended, until


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "DRAWINGS", 40)


def training(**values: Any) -> TrainDigitsRequest:
    given = {"width": 4, "batch_size": 2, "steps": 3, **values}
    return TrainDigitsRequest(parse_digits(given))


def test_the_model_is_there_at_once_and_draws(engine: LocalEngine) -> None:
    status = ended(engine, ask(engine, training(name="one")))
    assert status.state == "done", status.error
    told = status.info["training"]
    assert [step for step, _ in told["losses"]] == [1, 2, 3]
    assert (told["validated"], told["model"]) == ([1, 3], "one")
    first, last = status.outputs
    assert first.image.shape == (128, 320, 3)
    assert not np.array_equal(first.image, last.image)
    assert last.record.extra["training_step"] == 3
    drawn = ended(
        engine,
        ask(
            engine,
            Request(
                Txt2ImgSettings.model_validate(
                    {"model": "one", "steps": 2, "seed": 1, "class_label": 7}
                ),
                save=False,
            ),
        ),
    )
    assert drawn.state == "done", drawn.error
    assert drawn.outputs[0].image.shape == (32, 32, 3)
    with pytest.raises(BadInput, match="already"):
        ask(engine, training(name="one"))


def test_a_picture_goes_first_and_a_stopped_one_goes_on(engine: LocalEngine) -> None:
    token = ask(engine, training(name="slow", steps=100_000))
    until(engine, token, lambda now: now.progress.stage == "fitting")
    other = Txt2ImgSettings.model_validate({"model": "tiny", "steps": 2, "seed": 1})
    assert ended(engine, ask(engine, Request(other, save=False))).state == "done"
    assert engine.status(token).state in ("running", "paused")
    engine.cancel(token)
    status = ended(engine, token)
    assert status.state == "stopped"
    assert "to go on from" in str(status.error)
    done = status.progress.step
    again = ended(engine, ask(engine, training(name="slow", steps=done + 3, resume=True)))
    assert again.state == "done", again.error
    assert again.info["training"]["losses"][0][0] > 1


def test_nothing_stopped_is_nothing_to_go_on_with(engine: LocalEngine) -> None:
    with pytest.raises(BadInput, match="no stopped training"):
        ask(engine, training(name="never", resume=True))
    assert MODE.name == "lab_digits"
