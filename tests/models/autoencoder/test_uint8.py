"""Numbers of a decoder as pixels, and back."""

from __future__ import annotations

import numpy as np
import torch

from backend.models.autoencoder.uint8 import to_signed, to_uint8


def test_every_byte_comes_back() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    signed = to_signed(every)
    assert signed.shape == (1, 3, 16, 16)
    assert (float(signed.min()), float(signed.max())) == (-1.0, 1.0)
    assert np.array_equal(to_uint8(signed), every)


def test_what_is_out_of_range_is_clamped_and_the_rest_goes_to_the_nearest() -> None:
    values = torch.tensor([-2.0, 2.0, 2 * 0.4 / 255 - 1, 2 * 1.6 / 255 - 1], dtype=torch.float64)
    pixels = to_uint8(values.reshape(1, 1, 1, 4).expand(1, 3, 1, 4))
    assert pixels[0, 0, :, 0].tolist() == [0, 255, 0, 2]


def test_what_is_hidden_is_exactly_in_the_middle() -> None:
    hidden = np.array([[[True, False]]])
    signed = to_signed(np.full((1, 1, 2, 3), 10, np.uint8), hidden)
    assert signed[0, :, 0, 0].tolist() == [0.0, 0.0, 0.0]
    assert float(signed[0, 0, 0, 1]) < -0.9
