"""Euler, Heun and LMS by their formulas; their convergence and parity are tested elsewhere."""

from __future__ import annotations

import itertools

import pytest
import torch

from backend.sampling.samplers.ode import _weights, euler, heun, lms
from backend.sampling.types import Level, Resume, Schedule
from tests.sampling.helpers import ListedNoise, curved

LEVELS = [9.0, 4.0, 2.5, 1.0, 0.0]
SCHEDULE = Schedule(
    torch.tensor(LEVELS, dtype=torch.float64), torch.zeros(4, dtype=torch.float64), 9.0
)
X = torch.tensor([[5.0, -3.0, 0.2]], dtype=torch.float64).reshape(1, 3, 1, 1)
SAMPLERS = {"euler": euler, "heun": heun, "lms": lms}


def asked(x: torch.Tensor, sigma: float) -> torch.Tensor:
    return curved(x, Level.like(x, sigma, 0.0))


def slope(x: torch.Tensor, sigma: float) -> torch.Tensor:
    return (x - asked(x, sigma)) / sigma


def ran(name: str, **options) -> list[torch.Tensor]:
    noise = ListedNoise([])
    return [step.x for step in SAMPLERS[name](curved, X, SCHEDULE, noise, **options)]


def test_euler_goes_along_the_slope() -> None:
    x = X
    for made, (sigma, following) in zip(ran("euler"), itertools.pairwise(LEVELS), strict=True):
        x = x + (following - sigma) * slope(x, sigma)
        torch.testing.assert_close(made, x)


def test_heun_takes_the_mean_of_both_slopes_but_in_the_last_step() -> None:
    x = X
    for index, made in enumerate(ran("heun")):
        sigma, following = LEVELS[index], LEVELS[index + 1]
        first = slope(x, sigma)
        end = x + (following - sigma) * first
        if following > 0:
            end = x + (following - sigma) * (first + slope(end, following)) / 2
        x = end
        torch.testing.assert_close(made, x)


def test_lms_weighs_the_slopes_so_that_polynomials_are_exact() -> None:
    for count in range(1, 5):
        nodes = sorted(LEVELS[:count])  # the level that is reached, then those before
        weights = _weights(nodes, 0.5)
        for power in range(count):
            exact = (0.5 ** (power + 1) - nodes[0] ** (power + 1)) / (power + 1)
            assert sum(
                w * node**power for w, node in zip(weights, nodes, strict=True)
            ) == pytest.approx(exact)


def test_lms_begins_as_euler_and_keeps_three_slopes() -> None:
    steps = list(lms(curved, X, SCHEDULE, ListedNoise([])))
    torch.testing.assert_close(steps[0].x, ran("euler")[0])
    assert [sorted(step.state.history) for step in steps] == [
        ["slope_0"],
        ["slope_0", "slope_1"],
        *[["slope_0", "slope_1", "slope_2"]] * 2,
    ]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_run_goes_on_from_any_step_bit_for_bit_and_draws_nothing(name: str) -> None:
    steps = list(SAMPLERS[name](curved, X, SCHEDULE, ListedNoise([])))
    for step in steps[:-1]:
        rest = SAMPLERS[name](
            curved, step.x, SCHEDULE, ListedNoise([]), resume=Resume(step.index, step.state)
        )
        assert torch.equal(list(rest)[-1].x, steps[-1].x)
    assert steps[-1].state.draws == 0


@pytest.mark.parametrize("name", ["euler", "heun"])
def test_the_step_to_sigma_0_leaves_x0(name: str) -> None:
    *_, last = SAMPLERS[name](curved, X, SCHEDULE, ListedNoise([]))
    assert torch.equal(last.x, last.x0)
