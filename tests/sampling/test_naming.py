"""One set of samplers serves variance-exploding, variance-preserving and flow models."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from backend.sampling.config import SchedulerConfig
from backend.sampling.denoiser import adapt
from backend.sampling.guidance import masked
from backend.sampling.inversion import invert
from backend.sampling.lockstep import Lane, lockstep
from backend.sampling.samplers import SAMPLERS
from backend.sampling.schedule import flow, make
from backend.sampling.steering import Steering, steered
from backend.sampling.types import Denoiser, Level, Schedule
from tests.sampling.helpers import POCKET, Gaussian, ListedNoise, curved, noises, run

CONFIG = SchedulerConfig.from_dict(POCKET)
TIMES = tuple(1 - i / 12 for i in range(13))


def renamed(denoiser: Denoiser) -> Denoiser:
    """A denoiser that is written in variance-exploding naming, asked in another."""

    def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
        assert level.value is not None
        return denoiser(x / level.alpha_for(x), Level.like(x, level.value, 0.0))

    return denoise


def same(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("naming", ["vp", "flow"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_takes_the_same_steps_in_every_naming(name, naming):
    plain = make(name, "model", 9, CONFIG)
    x = noises(1)[0] * plain.init_scale
    named = replace(plain, naming=naming)
    for a, b in zip(run(name, curved, x, plain), run(name, renamed(curved), x, named), strict=True):
        same(b.x, a.x)
        same(b.x0, a.x0)


@pytest.mark.parametrize("name", ["euler", "heun", "dpmpp_2m", "unipc", "ddim"])
def test_gaussian_data_ends_alike_in_a_flow_schedule(name):
    """The denoiser reads alpha and sigma off the level, as a real model's adapter does."""
    named = flow(TIMES[1:])
    plain = replace(named, naming="ve")
    x = noises(1)[0] * named.init_scale
    for a, b in zip(run(name, Gaussian(), x, plain), run(name, Gaussian(), x, named), strict=True):
        same(b.x, a.x)
    assert named.levels[-1] == 0


def test_euler_over_a_flow_schedule_is_eulers_method_in_time():
    """x' = x + (t' - t) u, from nothing but noise at t = 1."""
    named = flow(TIMES)
    noise = noises(1)[0]

    def velocity(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return torch.sin(3 * x) + (timestep / 1000).reshape(-1, 1, 1, 1)

    steps = run("euler", adapt(velocity, "flow_prediction"), noise * named.init_scale, named)
    x = noise
    for step, t, following in zip(steps, TIMES, TIMES[1:], strict=False):
        x = x + (following - t) * velocity(x, torch.full((2,), 1000 * t, dtype=torch.float64))
        torch.testing.assert_close(step.x * (1 - following), x, rtol=1e-6, atol=1e-6)


def test_lanes_and_inversion_ask_in_the_schedules_naming():
    plain = make("ddim", "model", 8, CONFIG)
    named = replace(plain, naming="flow")
    x = noises(1)[0]

    def lanes(denoiser: Denoiser, schedule: Schedule) -> torch.Tensor:
        starts = [
            Lane(denoiser, start, x * schedule.levels[start], ListedNoise([]), x)
            for start in (0, 3)
        ]
        return list(lockstep("ddim", starts, schedule))[-1].x

    same(lanes(renamed(curved), named), lanes(curved, plain))
    *_, a = invert(curved, x * 0.5, plain)
    *_, b = invert(renamed(curved), x * 0.5, named)
    same(b.x, a.x)


def test_masks_and_losses_mean_the_same_in_every_naming():
    known, noise, x = noises(3)
    mask = torch.zeros(1, 1, 4, 5, dtype=torch.float64)
    mask[..., 2:] = 1
    pure = (4.0, 4.2)
    for ratio in (4.0, 0.7):
        ve, named = Level.like(x, ratio, 0.0), Level.like(x, ratio, 0.0, "flow")
        alpha = named.alpha_for(x)
        a = masked(curved, known, mask, noise, pure)(x, ve)
        same(masked(renamed(curved), known, mask, noise, pure)(alpha * x, named), a)

        def loss(pictures: torch.Tensor) -> torch.Tensor:
            return pictures.square().mean(dim=(1, 2, 3))

        pull = Steering(loss, 0.3, 1, {ratio: 1.0})
        a = steered(curved, lambda x0: x0, pull)(x, ve)
        assert not torch.equal(a, curved(x, ve))
        same(steered(renamed(curved), lambda x0: x0, pull)(alpha * x, named), a)
