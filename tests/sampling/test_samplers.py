"""What every sampler keeps: resuming, starting part-way, batches, dtype."""

from __future__ import annotations

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.sampling.config import SchedulerConfig
from backend.sampling.noise import SeededNoise
from backend.sampling.samplers import SAMPLERS, model_calls, sample
from backend.sampling.schedule import make
from backend.sampling.types import Resume
from tests.sampling.helpers import POCKET, Gaussian, curved, noises, run

CONFIG = SchedulerConfig.from_dict(POCKET)
EVERY = [
    *((name, {}) for name in SAMPLERS),
    ("ddim", {"eta": 0.7}),
    ("ddim", {"variance": "sigma_hat"}),
]


@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize(("name", "options"), EVERY)
def test_resuming_from_every_step_is_bit_equal(name, options, start):
    schedule = make(name, "model", 9, CONFIG)

    def source() -> SeededNoise:
        return SeededNoise([5, 6], (4, 6, 5))

    noise = source()
    x = noise.draw() * schedule.levels[start]
    whole = list(sample(name, curved, x, schedule, noise, start=start, **options))
    assert [step.index for step in whole] == list(range(start, 9))
    for step in whole:
        rest = list(
            sample(
                name,
                curved,
                step.x,
                schedule,
                source(),
                resume=Resume(step.index, step.state),
                **options,
            )
        )
        assert len(rest) == 8 - step.index
        for again, first in zip(rest, whole[step.index + 1 - start :], strict=True):
            assert torch.equal(again.x, first.x)
            assert torch.equal(again.x0, first.x0)
            assert again.state.draws == first.state.draws
            assert again.state.history.keys() == first.state.history.keys()


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_batch_size_never_changes_an_image(name, options):
    schedule = make(name, "model", 7, CONFIG)

    def picture(seeds: list[int]) -> torch.Tensor:
        noise = SeededNoise(seeds, (4, 6, 5))
        x = noise.draw() * schedule.init_scale
        return list(sample(name, curved, x, schedule, noise, **options))[-1].x

    torch.testing.assert_close(
        picture([1, 2, 3]),
        torch.cat([picture([seed]) for seed in (1, 2, 3)]),
        rtol=1e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_x_keeps_its_dtype_and_needs_no_gradient(name, dtype):
    weight = torch.ones((), requires_grad=True)
    schedule = make(name, "model", 4, CONFIG)
    x = noises(1, dtype=dtype)[0] * schedule.init_scale
    for step in run(name, lambda x, level: curved(x.float(), level) * weight, x, schedule):
        assert step.x.dtype == step.x0.dtype == dtype
        assert not step.x.requires_grad


@pytest.mark.parametrize("name", SAMPLERS)
def test_steps_report_where_they_stand_and_how_often_the_model_ran(name):
    schedule = make(name, "model", 6, CONFIG)
    seen: list[tuple[float, float]] = []

    def denoiser(x, level):
        assert level.sigma.shape == level.timestep.shape == (x.shape[0],)
        assert float(level.sigma[0]) == level.value
        seen.append((level.value, float(level.timestep[0])))
        return curved(x, level)

    steps = run(name, denoiser, noises(1)[0] * schedule.init_scale, schedule)
    assert [step.sigma for step in steps] == schedule.levels[1:]
    assert {step.total for step in steps} == {6}
    assert len(seen) == model_calls(name, 6)
    known = dict(zip(schedule.levels, schedule.timesteps.tolist(), strict=False))
    assert all(known[sigma] == timestep for sigma, timestep in seen)


def test_euler_is_ddim_with_eta_zero():
    plan = make("ddim", "model", 20, CONFIG)
    x = noises(1)[0] * plan.init_scale
    for a, b in zip(run("ddim", curved, x, plan), run("euler", curved, x, plan), strict=True):
        torch.testing.assert_close(a.x, b.x, rtol=0, atol=5e-15 * plan.init_scale)


def test_euler_over_rising_levels_inverts_itself():
    exact = Gaussian()
    plan = make("euler", "karras", 150, CONFIG)
    down = plan.sigmas[:-1]
    rising = type(plan)(down.flip(0), plan.timesteps[1:].flip(0), 1.0)
    picture = noises(1)[0]
    noisy = run("euler", exact, picture, rising)[-1].x
    torch.testing.assert_close(
        noisy, exact.at(picture, float(down[-1]), float(down[0])), rtol=0.1, atol=0.1
    )


def test_an_eta_for_a_sampler_without_one_is_refused():
    plan = make("euler", "model", 3, CONFIG)
    with pytest.raises(BadInput, match="Only the sampler 'ddim' has an eta") as caught:
        sample("euler", curved, noises(1)[0], plan, SeededNoise([1], (3, 4, 5)), eta=0.5)
    assert caught.value.field == "eta"


def test_a_run_starts_or_resumes_inside_its_schedule():
    plan = make("lms", "model", 3, CONFIG)
    x = noises(1)[0]
    first = run("lms", curved, x, plan)[0]
    with pytest.raises(ValueError, match="not both"):
        run("lms", curved, x, plan, start=1, resume=Resume(0, first.state))
    with pytest.raises(ValueError, match="outside a schedule of 3"):
        run("lms", curved, x, plan, start=4)


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_abandoned_run_can_be_left_at_any_step(name):
    plan = make(name, "model", 5, CONFIG)
    walk = sample(name, curved, noises(1)[0], plan, SeededNoise([1, 2], (3, 4, 5)))
    next(walk)
    walk.close()
    assert list(walk) == []
