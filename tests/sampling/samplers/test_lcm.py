"""Latent consistency models: jumps to x0, noised to the next level (2310.04378, alg. 3)."""

from __future__ import annotations

import math

import torch

from backend.sampling.samplers.lcm import lcm
from backend.sampling.types import Level, Resume, Schedule
from tests.sampling.helpers import ListedNoise, curved, noises

SIGMAS = [12.0, 3.0, 0.8, 0.0]
TIMESTEPS = [900.0, 500.0, 20.0]
SCHEDULE = Schedule(
    torch.tensor(SIGMAS, dtype=torch.float64),
    torch.tensor(TIMESTEPS, dtype=torch.float64),
    12.0,
)
SHAPE = (1, 2, 2, 2)
X = 12 * noises(1, SHAPE)[0]


def run(**options):
    noise = ListedNoise(noises(4, SHAPE, seed=3))
    return list(lcm(curved, options.pop("x", X), SCHEDULE, noise, **options))


def test_each_step_is_the_consistency_function_and_fresh_noise() -> None:

    x, drawn = X, noises(4, SHAPE, seed=3)
    for index, step in enumerate(run()):
        sigma, scaled = SIGMAS[index], 10 * TIMESTEPS[index]
        skip, out = 0.25 / (scaled**2 + 0.25), scaled / math.sqrt(scaled**2 + 0.25)
        unit = x / math.sqrt(sigma**2 + 1)  # what the model is given has unit variance
        wanted = skip * unit + out * curved(x, Level.like(x, sigma, 0.0))
        torch.testing.assert_close(step.x0, wanted)
        x = wanted + SIGMAS[index + 1] * drawn[index]
        torch.testing.assert_close(step.x, x)


def test_the_last_step_leaves_x0_itself_and_draws_nothing() -> None:
    *_, last = run()
    assert torch.equal(last.x, last.x0)
    assert last.state.draws == 2


def test_a_run_goes_on_with_the_noise_that_is_next() -> None:
    steps = run()
    for step in steps[:-1]:
        rest = run(x=step.x, resume=Resume(step.index, step.state))
        assert torch.equal(rest[-1].x, steps[-1].x)
