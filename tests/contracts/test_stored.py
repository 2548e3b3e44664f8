"""A step of an earlier run, as whoever keeps it hands it out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.stored import StoredStep


def test_it_says_of_which_stage_it_is_and_does_not_change() -> None:
    settings = Txt2ImgSettings(steps=7)
    stored = StoredStep(1, settings, "x")
    assert (stored.stage, stored.settings.steps, stored.step) == (1, 7, "x")
    assert stored == StoredStep(1, settings, "x") != StoredStep(0, settings, "x")
    with pytest.raises(FrozenInstanceError):
        stored.stage = 0  # type: ignore[misc]
