"""A clip's sound among its pictures: what goes in comes out, and a picture is none."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.sound import Sound


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1000])
def test_it_comes_out_as_it_went_in(size: int) -> None:
    sound = Sound(bytes(index % 251 for index in range(size)), 1.25)
    picture = sound.as_picture()
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert Sound.of_picture(picture) == sound


def test_a_picture_is_no_sound() -> None:
    for shape in ((1, 1, 3), (8, 8, 3)):
        with pytest.raises(BadInput, match="send the clip again"):
            Sound.of_picture(np.zeros(shape, np.uint8))
