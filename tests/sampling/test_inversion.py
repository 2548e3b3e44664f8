"""DDIM inversion: exact on Gaussian data, and back to where it came from."""

from __future__ import annotations

import pytest
import torch

from backend.sampling.config import SchedulerConfig
from backend.sampling.denoiser import adapt, from_x0
from backend.sampling.inversion import invert
from backend.sampling.schedule import make
from backend.sampling.types import Denoiser, Level, Schedule
from tests.sampling.helpers import POCKET, Gaussian, curved, noises, run


def schedule_of(steps: int = 20, **changes: object) -> Schedule:
    return make("ddim", "model", steps, SchedulerConfig.from_dict(POCKET | changes))


def error(denoiser: Denoiser, schedule: Schedule, refine: int, seed: int = 0) -> float:
    """How far the sample from the inverted noise lies from the start."""
    x = noises(1, seed=seed)[0].tanh() * 0.7  # `curved` cannot end beyond 1
    *_, last = invert(denoiser, x, schedule, refine=refine)
    *_, back = run("ddim", denoiser, last.x, schedule)
    return float((back.x - x).abs().max())


def test_on_gaussian_data_it_is_the_exact_inverse():
    schedule = schedule_of()
    exact = Gaussian()
    x = torch.full((2, 3, 4, 5), 0.9, dtype=torch.float64)
    *_, last = invert(exact, x, schedule, refine=3)
    # Sampling is linear there: x' = mu + k (x - mu), with a k for each step.
    expected, levels = x, schedule.levels
    for sigma, target in zip(levels[-2::-1], levels[:0:-1], strict=True):
        shrunk = exact.s**2 / (exact.s**2 + sigma**2)
        factor = 1 + (target - sigma) * (1 - shrunk) / sigma
        expected = exact.mu + (expected - exact.mu) / factor
    assert torch.allclose(last.x, expected, rtol=1e-6)


def test_it_nears_the_end_of_the_ode_as_steps_grow():
    exact = Gaussian()
    x = noises(1)[0] * 0.5
    errors = []
    for steps in (50, 200):
        schedule = schedule_of(steps)
        *_, last = invert(exact, x, schedule, refine=3)
        truth = exact.at(x, schedule.levels[-1], schedule.levels[0])
        errors.append(float((last.x - truth).abs().max() / truth.abs().max()))
    assert errors[1] < errors[0] / 3 < 0.05


def test_refinement_brings_it_back():
    schedule = schedule_of()
    errors = [error(curved, schedule, refine) for refine in (0, 1, 3, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < errors[0] / 20
    assert errors[3] < 2e-3


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_eps_and_v_come_to_the_same(prediction):
    def model(x_t: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        sigma = timestep.view(-1, 1, 1, 1).to(x_t.dtype)
        x = x_t * (sigma**2 + 1).sqrt()
        level = Level.like(x, float(sigma[0]), 0.0)
        return from_x0(x, curved(x, level), level, prediction)

    schedule = schedule_of()
    told = Schedule(schedule.sigmas, schedule.sigmas[:-1], schedule.init_scale)
    x = noises(1)[0]
    *_, adapted = invert(adapt(model, prediction), x, told, refine=2)
    *_, direct = invert(curved, x, schedule, refine=2)
    assert torch.allclose(adapted.x, direct.x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"set_alpha_to_one": True}, 20),
        ({"timestep_spacing": "trailing"}, 13),
    ],
)
def test_it_follows_other_conventions_of_ddim(changes, steps):
    assert error(curved, schedule_of(steps, **changes), 8) < 1e-2


def test_a_row_does_not_depend_on_its_batch():
    schedule = schedule_of()
    x = noises(1)[0]
    *_, both = invert(curved, x, schedule)
    *_, alone = invert(curved, x[1:], schedule)
    assert torch.allclose(both.x[1:], alone.x, rtol=1e-9)


def test_the_model_is_asked_as_often_as_said():
    asked = []

    def counting(x: torch.Tensor, level: Level) -> torch.Tensor:
        asked.append(level.value)
        return curved(x, level)

    schedule = schedule_of(10)
    steps = list(invert(counting, noises(1)[0], schedule, refine=2))
    above = sum(sigma > 1 for sigma in schedule.levels[:-1])
    assert 0 < above < 10
    assert len(asked) == 5 * above + 3 * (10 - above)
    assert asked == sorted(asked)
    assert [step.sigma for step in steps] == schedule.levels[-2::-1]
