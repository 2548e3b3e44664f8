"""Samplers on the levels of flow models, against diffusers and k-diffusion's formulas."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    UniPCMultistepScheduler,
)

from backend.sampling.denoiser import adapt
from backend.sampling.guidance import masked
from backend.sampling.inversion import invert
from backend.sampling.schedule import flow
from backend.sampling.types import Level, Step
from tests.sampling.helpers import ListedNoise, noises, run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPE = (2, 4, 8, 8)
STEPS = 9
TIMES = (1.0, 0.96, 0.9, 0.81, 0.7, 0.55, 0.4, 0.24, 0.1, 0.0)


def velocity(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
    phase = (timestep.to(x.dtype) / 1000).reshape(-1, 1, 1, 1)
    return torch.tanh(1.3 * x + phase) * 0.8 + 0.1 * torch.roll(x, 1, -1)


def ours(name: str, times: tuple[float, ...], start: torch.Tensor, draws=(), **options):
    plan = flow(times)
    steps = run(
        name,
        adapt(velocity, "flow_prediction"),
        start * plan.init_scale,
        plan,
        noise=ListedNoise(draws),
        **options,
    )
    return [in_time(step) for step in steps]


def in_time(step: Step) -> torch.Tensor:
    """x = (1 - t) x0 + t eps."""
    return step.x / (1 + step.sigma)


def theirs(scheduler, start: torch.Tensor, draws, monkeypatch) -> list[torch.Tensor]:
    queue = iter(draws)
    module = sys.modules[type(scheduler).__module__]
    monkeypatch.setattr(module, "randn_tensor", lambda *args, **kwargs: next(queue), raising=False)
    x, out = start, []
    for timestep in scheduler.timesteps:
        output = velocity(x, timestep.expand(len(x)))
        x = scheduler.step(output, timestep, x, return_dict=False)[0]
        out.append(x)
    return out


def close(found, wanted, bar: float = 1e-5) -> None:
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=bar)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["euler", "ddim"])
def test_euler_is_flow_match_euler(name: str, monkeypatch) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(STEPS)
    (start,) = noises(1, SHAPE, torch.float32)
    times = tuple(scheduler.sigmas.double().tolist())
    close(ours(name, times, start), theirs(scheduler, start, [], monkeypatch))


@pytest.mark.parity
def test_lcm_is_its_stochastic_sampling(monkeypatch) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, stochastic_sampling=True)
    scheduler.set_timesteps(STEPS)
    start, *draws = noises(STEPS + 1, SHAPE, torch.float32)
    times = tuple(scheduler.sigmas.double().tolist())
    close(ours("lcm", times, start, draws), theirs(scheduler, start, draws, monkeypatch))


@pytest.mark.parity
def test_heun_is_flow_match_heun(monkeypatch) -> None:
    scheduler = FlowMatchHeunDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(STEPS)
    (start,) = noises(1, SHAPE, torch.float32)
    levels = scheduler.sigmas.double().tolist()
    times = (levels[0], *levels[1:-1:2], 0.0)
    wanted = theirs(scheduler, start, [], monkeypatch)
    close(ours("heun", times, start), wanted[1::2] + wanted[-1:])


@pytest.mark.parity
@pytest.mark.parametrize("name", ["dpmpp_2m", "dpmpp_2m_sde", "unipc"])
def test_multistep_solvers_are_diffusers_flow_forms(name: str, monkeypatch) -> None:
    options = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0}
    if name == "unipc":
        scheduler = UniPCMultistepScheduler(**options)
    else:
        kind = "sde-dpmsolver++" if name.endswith("sde") else "dpmsolver++"
        scheduler = DPMSolverMultistepScheduler(algorithm_type=kind, **options)
    scheduler.set_timesteps(STEPS)
    # Their timesteps are cut to integers; the model shall be told the same as ours tells it.
    scheduler.timesteps = scheduler.sigmas[:-1] * 1000
    scheduler.set_begin_index(0)
    start, *draws = noises(STEPS + 1, SHAPE, torch.float32)
    times = tuple(scheduler.sigmas.double().tolist())
    first = start * times[0]  # their sigma begins a little below 1
    plan = flow(times)
    steps = run(
        name,
        adapt(velocity, "flow_prediction"),
        first * (1 + plan.levels[0]),
        plan,
        noise=ListedNoise(draws),
    )
    close([in_time(step) for step in steps], theirs(scheduler, first, draws, monkeypatch), 3e-5)


@pytest.mark.parity
def test_euler_a_is_the_rectified_flow_form() -> None:
    """ComfyUI's `sample_euler_ancestral_RF` with eta and s_noise 1, in its own symbols."""
    start, *draws = noises(STEPS + 1, SHAPE, torch.float64)
    x, wanted = start, []
    for i, (sigma, sigma_next) in enumerate(pairwise(TIMES)):
        timestep = torch.full((len(x),), 1000 * sigma, dtype=x.dtype)
        denoised = x - sigma * velocity(x, timestep)
        downstep_ratio = 1 + (sigma_next / sigma - 1)
        sigma_down = sigma_next * downstep_ratio
        alpha_ip1, alpha_down = 1 - sigma_next, 1 - sigma_down
        renoise = (sigma_next**2 - sigma_down**2 * alpha_ip1**2 / alpha_down**2) ** 0.5
        ratio = sigma_down / sigma
        x = ratio * x + (1 - ratio) * denoised
        if sigma_next > 0:
            x = (alpha_ip1 / alpha_down) * x + draws[i] * renoise
        wanted.append(x)
    close(ours("euler_a", TIMES, start, draws), wanted)


@pytest.mark.parity
def test_lms_integrates_the_velocity_over_time() -> None:
    """Adams-Bashforth of order 1 and 2 for the first two steps, from the definition."""
    (start,) = noises(1, SHAPE, torch.float64)
    t0, t1, t2 = TIMES[:3]

    def u(x: torch.Tensor, t: float) -> torch.Tensor:
        return velocity(x, torch.full((len(x),), 1000 * t, dtype=x.dtype))

    first = u(start, t0)
    x1 = start + (t1 - t0) * first
    h, before = t2 - t1, t1 - t0
    x2 = x1 + h * ((1 + h / (2 * before)) * u(x1, t1) - h / (2 * before) * first)
    found = ours("lms", TIMES, start)
    close(found[:2], [x1, x2], 1e-6)


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("heun", 2), ("lms", 2)])
def test_what_averages_slopes_does_so_in_time(name: str, order: int) -> None:
    """Twice the steps bring the end nearer by the order of the method, from nothing but noise."""
    (start,) = noises(1, SHAPE, torch.float64)

    def end(steps: int) -> torch.Tensor:
        return ours(name, tuple(1 - i / steps for i in range(steps + 1)), start)[-1]

    best = end(640)
    coarse, fine = ((end(steps) - best).abs().mean().item() for steps in (20, 40))
    assert coarse / fine > 2**order * 0.8


def test_inversion_is_the_reverse_of_the_ode() -> None:
    """The noise that is found leads back to the picture."""
    plan = flow(TIMES)
    (picture,) = noises(1, SHAPE, torch.float64)
    denoiser = adapt(velocity, "flow_prediction")
    *_, top = invert(denoiser, 0.3 * picture, plan)
    *_, back = run("ddim", denoiser, top.x, plan)
    torch.testing.assert_close(back.x, 0.3 * picture, rtol=0, atol=1e-3)
    # At t = 1 it is noise alone: the path of Euler's method, walked upwards.
    assert top.sigma == plan.levels[0]
    assert (top.x / plan.init_scale).std() > 0.1


def test_what_is_kept_outside_a_mask_is_mixed_in_time() -> None:
    """(1 - t) x0 + t eps, as diffusers' `scale_noise`."""
    known, noise, x = noises(3, SHAPE, torch.float32)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(STEPS)
    scheduler.set_begin_index(3)
    wanted = scheduler.scale_noise(known, scheduler.timesteps[3:4], noise)
    t = scheduler.sigmas[3].item()
    seen = []

    def model(asked: torch.Tensor, level: Level) -> torch.Tensor:
        seen.append(asked)
        return torch.zeros_like(asked)

    nothing = torch.zeros(1, 1, 8, 8)
    kept = masked(model, known, nothing, noise)(x, Level.like(x, t / (1 - t), 1000 * t, "flow"))
    torch.testing.assert_close(seen[0], wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(kept, known)
