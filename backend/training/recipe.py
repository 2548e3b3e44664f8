"""What every fit has in common: AdamW, the noise of the model's own scheduler, seeds of draws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

from backend.sampling.denoiser import Prediction

# What of a scheduler's config says how noise is added; the rest is about sampling.
NOISING = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)


def adamw(parameters: Iterable[torch.nn.Parameter], learning_rate: float) -> torch.optim.AdamW:
    """The optimizer; moments and decay as in the published scripts."""
    return torch.optim.AdamW(
        parameters, lr=learning_rate, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8
    )


def taken(optimizer: torch.optim.Optimizer) -> None:
    """Takes a step."""
    untyped: Any = optimizer
    untyped.step()


class Noising:
    """Noise at a training timestep, and what the model is to predict of it.

    Args:
        config: Of the model's scheduler.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._scheduler: Any = DDPMScheduler(
            **{key: config[key] for key in NOISING if key in config}
        )

    @property
    def timesteps(self) -> int:
        """How many there are."""
        return self._scheduler.config.num_train_timesteps

    def drawn(self, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
        """Random timesteps."""
        return torch.randint(0, self.timesteps, shape, generator=generator)

    def add(
        self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """(B, C, h, w) with the noise of each row's timestep."""
        return self._scheduler.add_noise(latents, noise, timesteps)

    def target(
        self,
        prediction: Prediction,
        latents: torch.Tensor,
        noise: torch.Tensor,
        timesteps: torch.Tensor,
    ) -> torch.Tensor:
        """What a model of that kind is to answer, (B, C, h, w)."""
        match prediction:
            case "epsilon":
                return noise
            case "v_prediction":
                return self._scheduler.get_velocity(latents, noise, timesteps)
            case "sample":
                return latents
            case "flow_prediction":
                raise ValueError("flow models are not trained here")

    def signal(self, timesteps: torch.Tensor) -> torch.Tensor:
        """alpha_cumprod of each."""
        return self._scheduler.alphas_cumprod[timesteps]


def mixed(seed: int, purpose: str, number: int) -> int:
    """A seed for one draw, unrelated to that of the next."""
    text = f"{seed} {purpose} {number}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:7], "little")


def ordered(count: int, seed: int) -> list[int]:
    """The numbers below `count` in a random order."""
    untyped: Any = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return untyped.tolist()
