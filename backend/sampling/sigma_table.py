"""The noise of every training timestep, as diffusers' scheduler classes compute it."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from backend.sampling.config import SchedulerConfig
from backend.sampling.samplers.spec import Conventions


def sigma_table(cls: Conventions, config: SchedulerConfig) -> NDArray[np.float64]:
    """sigma of every training timestep, (T,) rising; float32 throughout, as diffusers does."""
    betas = _betas(cls, config)
    rescaled = config.rescale_betas_zero_snr and cls.zero_snr != "ignored"
    if rescaled:
        betas = _zero_terminal_snr(betas)
    ab = (1.0 - betas).cumprod(0)
    if rescaled:
        ab[-1] = 2.0**-24 if cls.zero_snr == "clamped" else 2.0**-48
    return ((1 - ab) / ab).sqrt().numpy().astype(np.float64)


def _betas(cls: Conventions, config: SchedulerConfig) -> torch.Tensor:
    if config.trained_betas is not None:
        return torch.tensor(config.trained_betas, dtype=torch.float32)
    start, end, name = cls.betas
    start, end = config.beta_start or start, config.beta_end or end
    total = config.num_train_timesteps
    match config.beta_schedule or name:
        case "scaled_linear":
            return torch.linspace(start**0.5, end**0.5, total, dtype=torch.float32) ** 2
        case "squaredcos_cap_v2":
            # Nichol and Dhariwal 2102.09672, eq. 17
            bar = [
                math.cos((i / total + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(total + 1)
            ]
            return torch.tensor(
                [min(1 - bar[i + 1] / bar[i], 0.999) for i in range(total)], dtype=torch.float32
            )
        case _:
            return torch.linspace(start, end, total, dtype=torch.float32)


def _zero_terminal_snr(betas: torch.Tensor) -> torch.Tensor:
    """Algorithm 1 of 2305.08891."""
    root = (1.0 - betas).cumprod(0).sqrt()
    first, last = root[0].clone(), root[-1].clone()
    bar = ((root - last) * (first / (first - last))) ** 2
    return 1 - torch.cat([bar[:1], bar[1:] / bar[:-1]])
