"""Every sampler on every schedule against `scheduler.step`, float32, with the same noise."""

from __future__ import annotations

import sys

import pytest
import torch

from backend.sampling.config import SchedulerConfig
from backend.sampling.denoiser import adapt
from backend.sampling.schedule import make
from tests.sampling.helpers import PAIRS, POCKET, ListedNoise, noises, reference, run, set_steps

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPE = (2, 4, 8, 8)


def model(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
    """A smooth stand-in for a UNet that depends on both inputs."""
    phase = (timestep.to(x.dtype) / 1000).reshape(-1, 1, 1, 1)
    return torch.tanh(1.3 * x + phase) * 0.8 + 0.1 * torch.roll(x, 1, -1)


def diffusers_run(scheduler, x, draws, monkeypatch, **options):
    """x after every step, in variance-exploding scale, from noise of unit variance."""
    queue = iter(draws)
    module = sys.modules[type(scheduler).step.__module__]
    if hasattr(module, "randn_tensor"):
        monkeypatch.setattr(module, "randn_tensor", lambda *args, **kwargs: next(queue))
    x = x * scheduler.init_noise_sigma
    out = []
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, timestep)
        output = model(scaled, timestep.expand(x.shape[0]))
        x = scheduler.step(output, timestep, x, return_dict=False, **options)[0]
        out.append(x)
    return out


def compare(sampler, schedule, steps, values, monkeypatch, bar=1e-5, **options):
    scheduler = set_steps(reference(sampler, schedule, values), schedule, steps)
    scheduler_unit = scheduler.init_noise_sigma == 1.0
    start, *draws = noises(steps + 1, SHAPE, torch.float32)
    theirs = diffusers_run(scheduler, start, draws, monkeypatch, **options)
    if sampler == "heun":
        theirs = theirs[1::2] + theirs[-1:]
    if sampler == "pndm" and steps > 1:
        warm = 1 if scheduler.config["skip_prk_steps"] else 12
        theirs = theirs[1:] if warm == 1 else [*theirs[3:12:4], *theirs[12:]]
    plan = make(sampler, schedule, steps, SchedulerConfig.from_dict(values))
    ours = run(
        sampler,
        adapt(model, values["prediction_type"]),
        start * plan.init_scale,
        plan,
        noise=ListedNoise(draws),
        **options,
    )
    assert len(ours) == len(theirs) == steps
    for step, x in zip(ours, theirs, strict=True):
        # A DDIM that steps past its next level keeps x_t: see Schedule.targets.
        unit = (step.sigma**2 + 1) ** -0.5 if scheduler_unit else 1.0
        error = (step.x * unit - x).abs().max() / x.abs().max()
        assert error < bar, (step.index, float(error))
    torch.testing.assert_close(ours[-1].x * plan.final_scale, theirs[-1], rtol=bar, atol=bar)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize(
    ("sampler", "schedule", "steps"),
    # diffusers has Align Your Steps for ten steps only
    [(*pair, steps) for pair in PAIRS for steps in (1, 10, 20) if pair[1] != "ays" or steps == 10],
)
def test_every_step_is_that_of_diffusers(sampler, schedule, steps, prediction, monkeypatch):
    compare(sampler, schedule, steps, POCKET | {"prediction_type": prediction}, monkeypatch)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("to_one", [True, False])
@pytest.mark.parametrize("steps", [4, 10, 20, 50])
def test_pndm_with_and_without_runge_kutta(skip, to_one, steps, monkeypatch):
    values = POCKET | {"skip_prk_steps": skip, "set_alpha_to_one": to_one}
    compare("pndm", "model", steps, values, monkeypatch)


@pytest.mark.parametrize("eta", [0.3, 1.0])
@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
def test_ddim_with_eta(eta, spacing, monkeypatch):
    compare("ddim", "model", 13, POCKET | {"timestep_spacing": spacing}, monkeypatch, eta=eta)


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "dpmpp_2m_sde", "unipc"])
@pytest.mark.parametrize("steps", [9, 16])
def test_runs_that_end_above_zero(sampler, steps, monkeypatch):
    compare(sampler, "model", steps, POCKET | {"final_sigmas_type": "sigma_min"}, monkeypatch)


@pytest.mark.parametrize(
    "sampler", ["ddim", "ddpm", "euler", "euler_a", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "lcm"]
)
def test_zero_terminal_snr(sampler, monkeypatch):
    values = POCKET | {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    # At sigma 4096 diffusers' x + (x - x0) / sigma * (sigma' - sigma) loses digits in float32.
    bar = 1e-4 if sampler.startswith("euler") else 1e-5
    compare(sampler, "model", 10, values, monkeypatch, bar)
