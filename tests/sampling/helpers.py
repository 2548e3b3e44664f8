"""What the tests of the sampling core share."""

from __future__ import annotations

from collections.abc import Iterable

import diffusers
import torch
from diffusers.schedulers.scheduling_utils import AysSchedules

from backend.sampling.samplers import sample
from backend.sampling.types import Denoiser, Level, Schedule, Step
from tests.samplers import SCHEDULES_OF

POCKET = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}
PAIRS = [(sampler, schedule) for sampler, names in SCHEDULES_OF.items() for schedule in names]


class Dpmpp3mSde(diffusers.DPMSolverMultistepScheduler):
    """Levels and order of steps of diffusers, the steps themselves of k-diffusion.

    k-diffusion's `sample_dpmpp_3m_sde` with eta 1, in its own symbols. The third-order step of
    diffusers' own class adds the term of the bend with its sign turned (0.5 for -0.5).
    """

    def multistep_dpm_solver_second_order_update(self, model_output_list, *, sample, noise):
        denoised, denoised_1 = model_output_list[-1], model_output_list[-2]
        h, h_1 = self._h(0), self._h(1)
        d = (denoised - denoised_1) / (h_1 / h)
        return self._stepped(sample, noise, denoised, self._phi_2() * d)

    def multistep_dpm_solver_third_order_update(self, model_output_list, *, sample, noise):
        denoised, denoised_1, denoised_2 = model_output_list[::-1]
        h, h_1, h_2 = self._h(0), self._h(1), self._h(2)
        r0, r1 = h_1 / h, h_2 / h
        d1_0 = (denoised - denoised_1) / r0
        d1_1 = (denoised_1 - denoised_2) / r1
        d1 = d1_0 + (d1_0 - d1_1) * r0 / (r0 + r1)
        d2 = (d1_0 - d1_1) / (r0 + r1)
        phi_3 = self._phi_2() / (2 * h) - 0.5
        return self._stepped(sample, noise, denoised, self._phi_2() * d1 - phi_3 * d2)

    def _h(self, back: int) -> torch.Tensor:
        at = self.step_index - back
        return -(self.sigmas[at + 1].double().log() - self.sigmas[at].double().log())

    def _phi_2(self) -> torch.Tensor:
        h_eta = 2 * self._h(0)
        return torch.expm1(-h_eta) / h_eta + 1

    def _stepped(self, sample, noise, denoised, added):
        alpha, _ = self._sigma_to_alpha_sigma_t(self.sigmas[self.step_index])
        following = self.sigmas[self.step_index + 1]
        alpha_following, _ = self._sigma_to_alpha_sigma_t(following)
        h_eta = 2 * self._h(0)
        x = torch.exp(-h_eta) * (sample / alpha) - torch.expm1(-h_eta) * denoised + added
        x = x + noise * following * torch.sqrt(-torch.expm1(-h_eta))
        return alpha_following * x


CLASSES = {
    "ddim": diffusers.DDIMScheduler,
    "ddpm": diffusers.DDPMScheduler,
    "euler": diffusers.EulerDiscreteScheduler,
    "euler_a": diffusers.EulerAncestralDiscreteScheduler,
    "heun": diffusers.HeunDiscreteScheduler,
    "lms": diffusers.LMSDiscreteScheduler,
    "dpmpp_2m": diffusers.DPMSolverMultistepScheduler,
    "dpmpp_2m_sde": diffusers.DPMSolverMultistepScheduler,
    "dpmpp_3m_sde": Dpmpp3mSde,
    "unipc": diffusers.UniPCMultistepScheduler,
    "lcm": diffusers.LCMScheduler,
    "pndm": diffusers.PNDMScheduler,
}


def reference(sampler: str, schedule: str, config: dict):
    """The diffusers scheduler of that name."""
    options: dict = {}
    match schedule:
        case "karras" | "exponential":
            options[f"use_{schedule}_sigmas"] = True
        case "trailing":
            options["timestep_spacing"] = "trailing"
    if sampler == "dpmpp_2m_sde":
        options["algorithm_type"] = "sde-dpmsolver++"
    if sampler == "dpmpp_3m_sde":
        options |= {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}
        options["lower_order_final"] = False
    if sampler == "pndm":
        options["skip_prk_steps"] = config.get("skip_prk_steps", True)
        # Where a config is silent the standard is DDIM's: one name cannot have two.
        options["set_alpha_to_one"] = config.get("set_alpha_to_one", True)
    return CLASSES[sampler].from_config(config, **options)


def set_steps(scheduler, schedule: str, steps: int):
    """Gives the scheduler its timesteps."""
    if schedule == "ays":
        assert steps == 10
        scheduler.set_timesteps(timesteps=AysSchedules["StableDiffusionTimesteps"])
    else:
        scheduler.set_timesteps(steps)
    return scheduler


class Gaussian:
    """The perfect denoiser of data ~ N(mu, s^2 I), and the exact end of its ODE."""

    def __init__(self, mu: float = 0.4, s: float = 0.7) -> None:
        self.mu, self.s = mu, s

    def __call__(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        alpha, square = level.alpha_for(x), level.sigma_for(x) ** 2
        return (self.s**2 * alpha * x + square * self.mu) / (self.s**2 * alpha**2 + square)

    def at(self, x: torch.Tensor, sigma: float, end: float) -> torch.Tensor:
        """Where the ODE carries x from sigma to end."""
        ratio = (self.s**2 + end**2) / (self.s**2 + sigma**2)
        return self.mu + (x - self.mu) * ratio**0.5


def curved(x: torch.Tensor, level: Level) -> torch.Tensor:
    """A smooth denoiser that is no line in x: tells orders and coefficients apart."""
    sigma = level.sigma_for(x)
    return torch.tanh(x / (1 + sigma)) + 0.1 * torch.sin(x / (1 + sigma**2).sqrt())


class ListedNoise:
    """A noise source whose draws are given."""

    def __init__(self, draws: Iterable[torch.Tensor]) -> None:
        self._list = list(draws)
        self.draws = 0

    def draw(self) -> torch.Tensor:
        self.draws += 1
        return self._list[self.draws - 1]

    def skip_to(self, draws: int) -> None:
        self.draws = draws


def noises(
    count: int,
    shape: tuple[int, ...] = (2, 3, 4, 5),
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(count)
    ]


def run(
    name: str, denoiser: Denoiser, x: torch.Tensor, schedule: Schedule, **options
) -> list[Step]:
    """All steps of a run whose noise is the same at each call."""
    noise = options.pop("noise", None) or ListedNoise(
        noises(schedule.steps + 2, tuple(x.shape), x.dtype, seed=7)
    )
    return list(sample(name, denoiser, x, schedule, noise, **options))
