"""The picture itself as the control."""

from __future__ import annotations

import numpy as np

from backend.control.identity import Identity


def test_it_is_the_picture_in_a_copy() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    found = Identity()(image)
    assert np.array_equal(found, image)
    found[:] = 0
    assert image.any()
