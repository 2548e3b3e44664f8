"""UniPC's updates: its coefficients solve their equations, its corrector uses the same call."""

from __future__ import annotations

import math

import pytest
import torch

from backend.sampling.samplers.ode import euler
from backend.sampling.samplers.unipc import _rhos, unipc
from backend.sampling.types import Level, Resume, Schedule
from tests.sampling.helpers import ListedNoise, curved, noises

SHAPE = (1, 2, 3, 2)
SCHEDULE = Schedule(
    torch.tensor([9.0, 4.0, 2.0, 0.7, 0.0], dtype=torch.float64),
    torch.zeros(4, dtype=torch.float64),
    9.0,
)
X = 9 * noises(1, SHAPE)[0]


def run(denoiser=curved, **options):
    return list(unipc(denoiser, options.pop("x", X), SCHEDULE, ListedNoise([]), **options))


@pytest.mark.parametrize(("hh", "r"), [(-0.8, -0.9), (-0.3, -2.0), (-2.0, -0.4)])
def test_the_coefficients_solve_the_system_of_order_2(hh: float, r: float) -> None:
    known, new = _rhos(hh, r)
    big = math.expm1(hh)
    phi_1 = big / hh - 1
    phi_2 = phi_1 / hh - 0.5
    assert known + new == pytest.approx(phi_1 / big)
    assert r * known + new == pytest.approx(2 * phi_2 / big)


def test_it_begins_and_ends_with_a_step_of_order_1() -> None:
    steps, plain = run(), list(euler(curved, X, SCHEDULE, ListedNoise([])))
    torch.testing.assert_close(steps[0].x, plain[0].x)
    assert torch.equal(steps[-1].x, steps[-1].x0)


def test_a_model_that_is_sure_of_x0_is_followed_exactly() -> None:
    """Of a constant x0 every order and the corrector are the straight way there."""
    target = noises(1, SHAPE, seed=4)[0]
    for step, sigma in zip(run(lambda x, level: target), [4.0, 2.0, 0.7, 0.0], strict=True):
        torch.testing.assert_close(step.x, target + sigma / 9.0 * (X - target))


def test_each_step_asks_the_model_once() -> None:
    asked: list[float | None] = []

    def counted(x: torch.Tensor, level: Level) -> torch.Tensor:
        asked.append(level.value)
        return curved(x, level)

    run(counted)
    assert asked == [9.0, 4.0, 2.0, 0.7]


def test_a_run_goes_on_from_any_step_bit_for_bit() -> None:
    steps = run()
    for step in steps[:-1]:
        rest = run(x=step.x, resume=Resume(step.index, step.state))
        assert torch.equal(rest[-1].x, steps[-1].x)
