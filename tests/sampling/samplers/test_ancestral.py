"""DDIM with eta, DDPM, Euler ancestral: one rule, and where the fresh noise is put."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from backend.sampling.samplers.ancestral import _sigma_hat, _told, _up, ddim, ddpm, euler_a
from backend.sampling.samplers.ode import euler
from backend.sampling.types import Resume, Schedule, Spread
from tests.sampling.helpers import ListedNoise, curved, noises

SHAPE = (2, 3, 2, 2)
SCHEDULE = Schedule(
    torch.tensor([8.0, 3.0, 1.0, 0.0], dtype=torch.float64),
    torch.tensor([700.0, 300.0, 0.0], dtype=torch.float64),
    8.0,
)
X = 8 * noises(1, SHAPE)[0]


def run(sampler, schedule: Schedule = SCHEDULE, **options):
    noise = ListedNoise(noises(4, SHAPE, seed=5))
    return list(sampler(curved, options.pop("x", X), schedule, noise, **options))


def test_ddim_without_eta_is_eulers_method_and_draws_nothing() -> None:
    ours = run(ddim)
    for step, theirs in zip(ours, run(euler), strict=True):
        torch.testing.assert_close(step.x, theirs.x)
    assert ours[-1].state.draws == 0


def test_with_eta_1_it_is_ddpm_and_that_is_euler_ancestral() -> None:
    for other in (run(ddpm), run(euler_a)):
        for step, theirs in zip(run(ddim, eta=1.0), other, strict=True):
            torch.testing.assert_close(step.x, theirs.x)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_what_is_left_and_what_is_added_make_up_the_level(eta: float) -> None:
    """A model that knows x0 exactly: the step then has the variance of its level."""
    up = _up(3.0, 1.2, eta)
    left = (1.2**2 - up**2) ** 0.5
    assert left**2 + up**2 == pytest.approx(1.2**2)
    assert up <= _up(3.0, 1.2, 1.0)
    assert _up(1.2, 3.0, eta) == 0.0  # nothing is added on the way up


def test_the_larger_variance_is_one_less_the_ratio_of_the_alphas() -> None:
    sigma, target = 3.0, 1.2
    ab_t, ab_p = 1 / (sigma**2 + 1), 1 / (target**2 + 1)
    assert _sigma_hat(sigma, target) ** 2 * ab_p == pytest.approx(1 - ab_t / ab_p)
    assert _sigma_hat(sigma, target) > _up(sigma, target, 1.0)


def test_sigma_hat_adds_noise_until_timestep_0() -> None:
    assert run(ddim, variance="sigma_hat")[-1].state.draws == 2
    late = replace(SCHEDULE, timesteps=SCHEDULE.timesteps + 1)
    assert run(ddim, late, variance="sigma_hat")[-1].state.draws == 3


def test_a_learned_variance_lies_between_the_two_by_the_models_word() -> None:
    sigma, target = 3.0, 1.2
    spread = Spread()
    found: list[float] = []
    for word in (-1.0, 0.0, 1.0):
        spread.put(torch.full((1, 1, 1, 1), word, dtype=torch.float64))
        found.append(_told(spread, sigma, target, 1).item())
    least, most = _up(sigma, target, 1.0), _sigma_hat(sigma, target)
    assert found[0] == pytest.approx(least)
    assert found[1] == pytest.approx((least * most) ** 0.5)  # in between by the logarithm
    assert found[2] == pytest.approx(most)
    with pytest.raises(ValueError, match="tells none"):
        _told(None, sigma, target, 1)


@pytest.mark.parametrize("sampler", [ddpm, euler_a])
def test_a_run_goes_on_with_the_noise_that_is_next(sampler) -> None:
    steps = run(sampler)
    for step in steps[:-1]:
        rest = run(sampler, x=step.x, resume=Resume(step.index, step.state))
        assert torch.equal(rest[-1].x, steps[-1].x)
