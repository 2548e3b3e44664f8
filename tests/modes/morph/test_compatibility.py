"""The light before and after a morph: what makes it red, amber and green."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from backend.modes.morph.compatibility import judge

METRIC: Any = SimpleNamespace(far=0.5, very_far=0.7)


@pytest.mark.parametrize(
    ("distance", "psnr", "light", "said"),
    [
        (0.2, None, "green", "near enough"),
        (0.2, 40.0, "green", "near enough"),
        (0.6, None, "amber", "more frames"),
        (0.2, 24.4, "amber", "24 dB"),
        (0.8, None, "red", "leap in the middle"),
        (0.8, 24.0, "red", "leap in the middle"),
        (0.2, 19.0, "red", "19 dB only"),
        (0.8, 10.0, "red", "10 dB only"),
    ],
)
def test_the_worse_of_distance_and_faith_decides(
    distance: float, psnr: float | None, light: str, said: str
) -> None:
    found = judge(distance, psnr, METRIC)
    assert found.light == light
    assert said in found.sentence
