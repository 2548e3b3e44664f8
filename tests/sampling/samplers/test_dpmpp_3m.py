"""DPM++ 3M SDE without its noise, where the integral of a step is known."""

from __future__ import annotations

import itertools
import math

import torch

from tests.sampling.helpers import ListedNoise, noises, run
from tests.sampling.test_gaussian import geometric


def test_three_steps_back_see_a_line_in_log_snr():
    """Without noise, x0 that is a line in log-SNR is integrated exactly from the second step on."""
    schedule = geometric(6)

    def line(x, level):
        return torch.log(level.sigma_for(x)) * -0.3 + 0.1 + 0 * x

    x = noises(1)[0]
    silent = ListedNoise([torch.zeros_like(x)] * 6)
    steps = run("dpmpp_3m_sde", line, x, schedule, noise=silent)
    for before, after in itertools.pairwise(steps):
        h = math.log(before.sigma / after.sigma)
        s = torch.linspace(0, h, 20_001, dtype=torch.float64)
        values = 2 * torch.exp(-2 * (h - s)) * (0.1 - 0.3 * (math.log(before.sigma) - s))
        expected = math.exp(-2 * h) * before.x + torch.trapezoid(values, s)
        torch.testing.assert_close(after.x, expected, rtol=0, atol=1e-8)
