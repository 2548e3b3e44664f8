"""Which frames a cut takes."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.clip import Clip, Cut
from backend.contracts.errors import BadInput


@pytest.mark.parametrize("cut", [Cut(), Cut(3), Cut(2, 9, 3), Cut(0, 50, 7), Cut(20)])
def test_what_is_counted_is_what_is_taken(cut: Cut) -> None:
    assert cut.count(20) == sum(cut.takes(index) for index in range(20))


def test_the_advice_for_a_long_clip_makes_it_short_enough() -> None:
    with pytest.raises(BadInput, match=r"301 frames.*every 2th"):
        Cut().check(301)
    Cut(every=2).check(301)
    Cut().check(300)


def test_the_same_frames_have_the_same_hash() -> None:
    a, b = np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3), np.uint8)
    assert Clip((a, b), 10).sha256 == Clip((a.copy(), b), 5).sha256 != Clip((b, a), 10).sha256
