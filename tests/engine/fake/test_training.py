"""The stand-in's training: how long it is, what it tells, what it leaves behind."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from backend.contracts.requests import CaptionedPicture, TrainLoraRequest
from backend.contracts.settings.train_lora import parse_training
from backend.engine.fake import picture as fake_picture
from backend.engine.fake.training import SIDE_PX, drawing, lora, loss, steps, told, validation

PICTURES = tuple(CaptionedPicture(f"{i}.png", np.zeros((8, 8, 3), np.uint8)) for i in range(3))


def request(**values: Any) -> TrainLoraRequest:
    plain = {"name": "ink", "model": "pocket", "caption": "ink style"}
    return TrainLoraRequest(parse_training(plain | values), PICTURES)


def test_steps_are_given_or_counted_in_rounds_through_the_pictures() -> None:
    assert steps(request(steps=7)) == 7
    assert steps(request(steps=None, epochs=4)) == 12


def test_the_loss_falls_but_not_evenly() -> None:
    losses = [loss(step) for step in range(1, 120)]
    assert losses[0] > 0.2
    assert losses[-1] == pytest.approx(0.1, abs=0.002)
    assert min(losses) > 0.1
    assert any(later > before for before, later in pairwise(losses))


def test_validation_ends_in_the_picture_of_its_prompt() -> None:
    asked = request(steps=8, validation_prompt="a boat, ink style", validation_seed=11)
    wanted = fake_picture.draw("a boat, ink style", 11, SIDE_PX, SIDE_PX)
    last, early = validation(asked, 8), validation(asked, 2)
    assert np.array_equal(last.image, wanted)
    assert not np.array_equal(early.image, wanted)
    assert (early.index, early.record.extra) == (2, {"training_step": 2})
    assert early.record.settings["prompt"] == "a boat, ink style"


def test_without_a_prompt_the_caption_is_drawn() -> None:
    assert drawing(request(validation_prompt="").settings).prompt == "ink style"


def test_every_loss_so_far_is_told() -> None:
    training = told(request(), 3, [2], lora="ink")["training"]
    assert training["losses"] == [(step, loss(step)) for step in (1, 2, 3)]
    assert (training["name"], training["validated"], training["lora"]) == ("ink", [2], "ink")
    assert "lora" not in told(request(), 0, [])["training"]


def test_what_was_trained_is_listed() -> None:
    assert (lora("ink").name, lora("ink").trigger_words, lora("ink").problem) == (
        "ink",
        ("ink",),
        None,
    )
