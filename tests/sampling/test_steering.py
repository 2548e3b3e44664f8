"""The move that a loss asks for: what it is, when it comes, and that one scale means the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from backend.sampling.config import SchedulerConfig
from backend.sampling.losses import brightness, channel
from backend.sampling.schedule import make
from backend.sampling.steering import HIGHEST_VARIANCE, UNIT, Steering, pushing, steered
from backend.sampling.types import Denoiser, Level
from tests.sampling.helpers import POCKET, Gaussian, curved, noises, run

CONFIG = SchedulerConfig.from_dict(POCKET)


def seen(latents: torch.Tensor) -> torch.Tensor:
    """A picture of three latent channels."""
    return latents[:, :3] * 0.5 + 0.5


@pytest.mark.parametrize(("ratio", "variance"), [(0.5, 0.25), (8.0, HIGHEST_VARIANCE)])
def test_x0_moves_down_the_gradient_by_the_capped_variance(ratio: float, variance: float):
    x0 = noises(1, (2, 3, 4, 5))[0]
    level = Level.like(x0, ratio, 0.0)
    weights = torch.tensor([0.5, 1.0, -2.0], dtype=torch.float64).reshape(1, 3, 1, 1)
    pull = Steering(channel(2, 0.9), 0.00125, 4, {ratio: 1.0})
    with torch.inference_mode():
        got = steered(curved, lambda latents: latents * weights, pull)(x0, level)
    plain = curved(x0, level)
    grad = torch.zeros_like(x0)
    grad[:, 2] = (plain[:, 2] * -2.0 - 0.9).sign() * -2.0 / 20
    torch.testing.assert_close(got, plain - 0.00125 * 4 * 60 * variance / UNIT * grad)


def test_no_pull_goes_beyond_where_the_tangent_is_at_the_bottom():
    x0 = torch.full((2, 3, 4, 4), 0.2, dtype=torch.float64)
    x0[1] = 0.6
    level = Level.like(x0, 1.0, 0.0)
    pull = Steering(channel(0, 1.0), 1e6, 1, {1.0: 1.0})
    got = steered(lambda x, level: x, lambda latents: latents, pull)(x0, level)
    torch.testing.assert_close(got[:, 0], torch.ones_like(got[:, 0]))
    torch.testing.assert_close(got[:, 1:], x0[:, 1:])
    twice = replace(pull, levels={1.0: 2.0})  # a push that stands for two
    beyond = steered(lambda x, level: x, lambda latents: latents, twice)(x0, level)
    torch.testing.assert_close(beyond - x0, 2 * (got - x0))


def test_a_push_is_one_decode_and_one_way_back_for_each_picture_and_none_when_off():
    decoded: list[int] = []

    def decode(latents: torch.Tensor) -> torch.Tensor:
        decoded.append(len(latents))
        return seen(latents)

    plan = make("euler", "model", 12, CONFIG)
    x = noises(1)[0] * plan.init_scale
    asked: list[float] = []

    def counted(x: torch.Tensor, level: Level) -> torch.Tensor:
        asked.append(float(level.value or 0.0))
        return Gaussian()(x, level)

    pull = Steering(channel(2, 0.9), 1.0, 3, pushing(plan, 3))
    run("euler", steered(counted, decode, pull), x, plan)
    assert decoded == [1] * (4 * len(x))
    assert len(asked) == 12
    decoded.clear()
    run("euler", steered(counted, decode, replace(pull, scale=0.0)), x, plan)
    assert decoded == []


def test_a_picture_is_pushed_as_it_is_alone():
    plan = make("euler", "model", 12, CONFIG)
    x = noises(1)[0] * plan.init_scale
    pull = Steering(channel(2, 0.9), 1.0, 3, pushing(plan, 3))
    whole = run("euler", steered(Gaussian(), seen, pull), x, plan)[-1].x
    alone = run("euler", steered(Gaussian(), seen, pull), x[1:2], plan)[-1].x
    assert torch.equal(whole[1:2], alone)


def test_it_pushes_at_its_levels_alone_and_tells_the_loss_of_each_picture():
    plan = make("euler", "model", 12, CONFIG)
    x = noises(1)[0] * plan.init_scale
    told: list[torch.Tensor] = []
    levels: list[float] = []

    def tell(level: float, losses: torch.Tensor) -> None:
        levels.append(level)
        told.append(losses)

    pull = Steering(channel(2, 0.9), 1.0, 3, pushing(plan, 3))
    end = run("euler", steered(Gaussian(), seen, pull, tell), x, plan)[-1].x
    plain = run("euler", Gaussian(), x, plan)[-1].x
    assert [len(losses) for losses in told] == [len(x)] * 4
    assert levels == plan.levels[:12:3]
    loss = channel(2, 0.9)
    assert (loss(seen(end)) < loss(seen(plain))).all()
    torch.testing.assert_close(end[:, :2], plain[:, :2])


def test_nothing_is_wrapped_where_nothing_pulls():
    plan = make("euler", "model", 12, CONFIG)
    assert steered(curved, seen, Steering(channel(0, 1.0), 0.0, 1, pushing(plan, 1))) is curved
    assert steered(curved, seen, Steering(channel(0, 1.0), 1.0, 1, {})) is curved


def test_pushes_are_counted_from_the_first_step_of_the_run():
    plan = make("euler", "model", 12, CONFIG)
    levels = plan.levels
    assert list(pushing(plan, 5)) == [levels[0], levels[5], levels[10]]
    assert list(pushing(plan, 5, first=4)) == [levels[4], levels[9]]
    # The rest of a run of 15 steps, three of which lie before it: its steps 5 and 10.
    assert list(pushing(plan, 5, first=-3)) == [levels[2], levels[7]]
    assert list(pushing(plan, 1, start=0.5, end=0.75)) == [levels[6], levels[7], levels[8]]
    assert pushing(plan, 1, start=0.5, end=0.5) == {}


def test_a_push_is_worth_the_steps_that_it_stands_for():
    plan = make("euler", "karras", 12, CONFIG)
    levels = plan.levels
    assert set(pushing(plan, 1).values()) == {1.0}
    first, second, last = pushing(plan, 5).values()
    shares = [1 - levels[step + 1] / levels[step] for step in range(12)]
    # Where it is mostly noise a model takes nearly all of a move back: all steps add up.
    assert first == pytest.approx(sum(shares[:5]) / shares[0], rel=0.02)
    assert 1 < second < sum(shares[5:10]) / shares[5]
    # At the end it keeps all: no further than one step to the end would go.
    assert last == pytest.approx((levels[10] - levels[12]) / (levels[10] - levels[11]))


@pytest.mark.parametrize("scale", [1.0, 5.0, 50.0])
def test_rare_strong_pushes_do_not_swing_beyond_their_aim(scale: float):
    plan = make("euler", "karras", 20, CONFIG)
    x = noises(1, (1, 3, 8, 8))[0] * plan.init_scale
    pull = Steering(brightness(0.95), scale, 5, pushing(plan, 5))
    end = run("euler", steered(Gaussian(), seen, pull), x, plan)[-1].x
    plain = run("euler", Gaussian(), x, plan)[-1].x
    before, after = (float(seen(rows).mean()) - 0.95 for rows in (plain, end))
    assert abs(after) < 0.4 * abs(before)
    assert after * before > 0 or abs(after) < 0.1 * abs(before)


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "heun"])
def test_one_scale_means_the_same_at_any_spacing_and_number_of_steps(sampler: str):
    """On an exact model and with a target out of reach, so that nothing but the pull differs."""
    moved: list[float] = []
    for steps in (20, 50):
        for spacing in (1, 5):
            plan = make(sampler, "karras", steps, CONFIG)
            x = noises(1, (1, 3, 8, 8))[0] * plan.init_scale
            pull = Steering(channel(2, 3.9), 0.2, spacing, pushing(plan, spacing))
            end = run(sampler, steered(Gaussian(), seen, pull), x, plan)[-1].x
            plain = run(sampler, Gaussian(), x, plan)[-1].x
            moved.append(float((end - plain)[:, 2].mean()))
    middle = sum(moved) / len(moved)
    assert all(abs(way - middle) < 0.25 * abs(middle) for way in moved), moved


@pytest.mark.parametrize("side", [8, 24])
def test_one_scale_means_the_same_at_any_size(side: int):
    x0 = torch.zeros(1, 3, side, side, dtype=torch.float64)
    level = Level.like(x0, 1.0, 0.0)

    def still(x: torch.Tensor, level: Level) -> torch.Tensor:
        return x

    denoiser: Denoiser = steered(still, seen, Steering(channel(1, 1.0), 0.5 * UNIT, 1, {1.0: 1.0}))
    moved = denoiser(x0, level)
    torch.testing.assert_close(moved[:, 1], torch.full_like(moved[:, 1], 0.75))
