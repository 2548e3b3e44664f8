"""The line drawing's parameters reach the package, and its warning does not reach anybody."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from backend.control import lineart_standard
from backend.control.lineart_standard import LineartStandard
from tests.control.scenes import shapes


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    told: list[Any] = []

    def detect(image: Any, **options: Any) -> Any:
        told.append(options)
        for words in ("Mean of empty slice", "invalid value encountered in divide"):
            warnings.warn(words, RuntimeWarning, stacklevel=1)
        return image

    def class_of(name: str) -> Any:
        told.append(name)
        return lambda: detect

    monkeypatch.setattr(lineart_standard, "detector_class", class_of)
    return told


def test_the_parameters_reach_the_package(asked: list[Any]) -> None:
    image = shapes(64, 96)
    control = LineartStandard(sigma_px=3.0, threshold=20)(image)
    assert np.array_equal(control, image)
    assert asked == [
        "LineartStandardDetector",
        {
            "detect_resolution": 64,
            "output_type": "np",
            "guassian_sigma": 3.0,  # the package's spelling
            "intensity_threshold": 20,
        },
    ]


def test_other_warnings_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def detect(image: Any, **options: Any) -> Any:
        warnings.warn("overflow encountered", RuntimeWarning, stacklevel=1)
        return image

    monkeypatch.setattr(lineart_standard, "detector_class", lambda name: lambda: detect)
    with pytest.warns(RuntimeWarning, match="overflow"):
        LineartStandard()(shapes(64, 64))
