"""What is shown of codes."""

from __future__ import annotations

import numpy as np

from backend.models.codes.maps import code_map, psnr_db


def test_a_code_has_one_colour_wherever_it_is() -> None:
    one = code_map(np.array([[3, 4], [4, 7]]), 5)
    other = code_map(np.array([[7, 3]]), 5)
    assert one.shape == (10, 10, 3)
    assert (one[0, 0] == other[0, 9]).all()
    assert (one[9, 9] == other[0, 0]).all()
    assert (one[0, 9] == one[9, 0]).all()
    assert len({tuple(pixel) for pixel in one.reshape(-1, 3)}) == 3


def test_neighbouring_codes_look_unlike() -> None:
    row = code_map(np.arange(64)[None], 1)[0].astype(int)
    assert np.abs(np.diff(row, axis=0)).sum(axis=1).min() > 60


def test_the_signal_to_noise_ratio() -> None:
    plain = np.full((4, 4, 3), 100, np.uint8)
    assert psnr_db(plain, plain) == 99.0
    assert abs(psnr_db(plain, plain + 10) - 28.13) < 0.01
