"""Between two ends: exact at the ends, the right length and statistics in between."""

from __future__ import annotations

import pytest
import torch

from backend.sampling.interpolation import (
    adain,
    channel_stats,
    lerp_rows,
    path_noise,
    positions,
    slerp_rows,
)
from tests.sampling.helpers import noises


def test_positions_run_from_end_to_end():
    assert positions(5) == (0.0, 0.25, 0.5, 0.75, 1.0)
    smooth = positions(5, "smooth")
    assert (smooth[0], smooth[2], smooth[4]) == (0.0, 0.5, 1.0)
    assert smooth[1] == pytest.approx(0.15625)


def test_rows_are_exact_at_the_ends():
    a, b = noises(2, (1, 3, 8, 8))
    for rows in (
        lerp_rows(a, b, (0.0, 0.3, 1.0)),
        slerp_rows(a, b, (0.0, 0.3, 1.0)),
        path_noise(a, b, (0.0, 0.3, 1.0), match_channels=True),
    ):
        assert torch.allclose(rows[:1], a)
        assert torch.allclose(rows[2:], b)


def test_the_great_circle_keeps_the_length_of_noise():
    a, b = noises(2, (1, 4, 32, 32))
    middle = slerp_rows(a, b, (0.5,))
    assert float(middle.norm() / a.norm()) == pytest.approx(1.0, abs=0.03)
    assert float(lerp_rows(a, b, (0.5,)).norm() / a.norm()) < 0.8


def test_adain_sets_mean_and_deviation_of_each_channel():
    x, other = noises(2, (2, 3, 16, 16))
    other = 3 * other + 1
    found = channel_stats(adain(x, *channel_stats(other)))
    for ours, wanted in zip(found, channel_stats(other), strict=True):
        assert torch.allclose(ours, wanted)


def test_adain_on_the_path_follows_the_ends_statistics():
    a, b = noises(2, (1, 3, 16, 16))
    b = b + 2.0
    plain = path_noise(a, b, (0.5,), match_channels=False)
    matched = path_noise(a, b, (0.5,), match_channels=True)
    wanted = (channel_stats(a)[0] + channel_stats(b)[0]) / 2
    assert torch.allclose(channel_stats(matched)[0], wanted)
    assert not torch.allclose(channel_stats(plain)[0], wanted, atol=0.05)
