"""Trainings are settled by the library."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import CaptionedPicture, TrainLoraRequest
from backend.contracts.settings.train_lora import MAX_PICTURES, parse_training
from backend.resolve.request import resolve
from tests.resolve.library import LIBRARY, PICTURE


def test_a_training_takes_the_models_size() -> None:
    asked = TrainLoraRequest(
        parse_training({"name": "ink", "model": "sea"}), (CaptionedPicture("a", PICTURE),)
    )
    made = resolve(asked, LIBRARY)
    assert isinstance(made, TrainLoraRequest)
    assert (made.settings.resolution, made.settings.epochs, made.settings.rank) == (256, 15, 8)
    for count, message in ((0, "no pictures to learn from"), (MAX_PICTURES + 1, "too many")):
        with pytest.raises(BadInput, match=message):
            resolve(TrainLoraRequest(asked.settings, asked.pictures * count), LIBRARY)
