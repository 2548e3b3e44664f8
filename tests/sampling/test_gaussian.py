"""Exact answers: for Gaussian data the perfect denoiser and the end of its ODE are known."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from backend.sampling.config import SchedulerConfig
from backend.sampling.noise import SeededNoise
from backend.sampling.schedule import make
from backend.sampling.types import Schedule
from tests.sampling.helpers import POCKET, Gaussian, noises, run

CONFIG = SchedulerConfig.from_dict(POCKET)


def geometric(steps: int, top: float = 10.0, bottom: float = 0.5) -> Schedule:
    """Levels that lie evenly in log sigma and end above 0, so that orders can be seen."""
    sigmas = torch.linspace(math.log(top), math.log(bottom), steps + 1, dtype=torch.float64).exp()
    return Schedule(sigmas, torch.zeros(steps, dtype=torch.float64), top)


@pytest.mark.parametrize(
    ("name", "bar"),
    [
        ("ddim", 0.024),
        ("euler", 0.024),
        ("heun", 3e-4),
        ("lms", 1e-5),
        ("dpmpp_2m", 2e-3),
        ("unipc", 1e-3),
        ("pndm", 0.024),
    ],
)
def test_the_end_is_approached_as_steps_grow(name, bar):
    exact = Gaussian()
    errors = []
    for steps in (40, 150):
        schedule = make(name, "model", steps, CONFIG)
        x = noises(1)[0] * schedule.init_scale
        *_, before, last = run(name, exact, x, schedule)
        # The last step of most samplers takes x0 for the end, from the model's lowest levels.
        below = exact.at(x, schedule.levels[0], before.sigma)
        errors.append(float((before.x - below).abs().max()))
        end = exact.at(x, schedule.levels[0], last.sigma)
        jump = float((last.x - end).abs().max())
    assert errors[1] < errors[0] / 1.8
    assert errors[1] < bar
    assert jump < errors[1] + 0.015


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("ddim", 1),
        ("euler", 1),
        ("heun", 2),
        ("lms", 2),
        ("dpmpp_2m", 2),
        ("unipc", 2),
        ("pndm", 2),
    ],
)
def test_order_of_convergence(name, order):
    exact = Gaussian()
    x = noises(1)[0] * 10
    errors = []
    for steps in (64, 128, 256):
        schedule = geometric(steps)
        end = exact.at(x, 10.0, 0.5)
        errors.append(float((run(name, exact, x, schedule)[-1].x - end).abs().max()))
    for coarse, fine in itertools.pairwise(errors):
        assert math.log2(coarse / fine) > order - 0.15
        if order == 1:
            assert math.log2(coarse / fine) < 1.15


@pytest.mark.parametrize(
    ("name", "options", "bar"),
    [
        ("ddim", {"eta": 1.0}, 0.03),
        ("ddpm", {}, 0.03),
        ("euler_a", {}, 0.03),
        ("dpmpp_2m_sde", {}, 0.02),
        ("dpmpp_3m_sde", {}, 0.02),
        ("ddim", {"eta": 0.5}, 0.03),
    ],
)
def test_random_samplers_end_in_the_distribution_of_the_data(name, options, bar):
    exact = Gaussian()
    noise = SeededNoise([3, 4], (4, 64, 64), dtype=torch.float64)
    schedule = make(name, "model", 120, CONFIG)
    x = noise.draw() * schedule.init_scale
    end = run(name, exact, x, schedule, noise=noise, **options)[-1]
    spread = math.sqrt(exact.s**2 + end.sigma**2)
    assert float(end.x.mean()) == pytest.approx(exact.mu, abs=bar)
    assert float(end.x.std()) == pytest.approx(spread, abs=bar)


def test_sigma_hat_collapses_at_few_steps_only():
    """2010.02502, sec. 5.1: too much noise at 20 steps, little of it at many."""
    exact = Gaussian()
    excess = []
    for steps in (20, 150):
        noise = SeededNoise([3], (4, 64, 64), dtype=torch.float64)
        schedule = make("ddim", "model", steps, CONFIG)
        x = noise.draw() * schedule.init_scale
        end = run("ddim", exact, x, schedule, noise=noise, variance="sigma_hat")[-1]
        excess.append(float(end.x.std()) - math.sqrt(exact.s**2 + end.sigma**2))
    assert excess[0] > 2 * excess[1] > 0


def test_lcm_ends_at_the_consistency_function():
    exact = Gaussian(s=1e-9)
    schedule = make("lcm", "model", 4, CONFIG)
    end = run("lcm", exact, noises(1)[0] * schedule.init_scale, schedule)[-1]
    torch.testing.assert_close(end.x, torch.full_like(end.x, exact.mu), rtol=0, atol=1e-4)
