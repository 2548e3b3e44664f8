"""The door to controlnet_aux: sizes come out exact whatever a detector makes of them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import ModelProblem
from backend.control.aux_package import at_exact_size, detector_class


@pytest.mark.parametrize("shape", [(64, 128), (50, 70), (10, 300)])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_a_detectors_picture_is_brought_to_the_size(
    shape: tuple[int, int], channels: tuple[int, ...]
) -> None:
    asked: dict[str, Any] = {}

    def detect(image: Any, **options: Any) -> Any:
        asked.update(options)
        return np.full((128, 192, *channels), 77, np.uint8)  # whatever it likes

    found = at_exact_size(detect, np.zeros((*shape, 3), np.uint8), threshold=5)
    assert found.shape == (*shape, 3)
    assert found.flags.c_contiguous
    assert (found == 77).all()
    assert asked == {
        "detect_resolution": max(64, min(shape)),
        "output_type": "np",
        "threshold": 5,
    }


def test_a_package_that_cannot_be_imported_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "controlnet_aux", None)
    with pytest.raises(ModelProblem, match="or use canny"):
        detector_class("MLSDdetector")
