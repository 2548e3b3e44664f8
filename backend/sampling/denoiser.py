"""From what a model predicts to x0, in variance-exploding scale, and back.

With ab = 1 / (1 + sigma^2) and x = x_t / sqrt(ab), the model sees x_t = x / sqrt(1 + sigma^2) and
  eps: x0 = x - sigma eps                                           (2010.02502, eq. 9)
  v:   x0 = x / (1 + sigma^2) - v sigma / sqrt(1 + sigma^2)         (2202.00512, app. D).
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from backend.sampling.config import Prediction
from backend.sampling.types import Denoiser, Level

Model = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(x_t: (B, C, h, w) of unit variance, timestep: (B,)) -> prediction (B, C, h, w).

The model casts x_t to its own dtype; its output is cast back to the dtype of the run.
"""


def x0_from_eps(model: Model) -> Denoiser:
    """Adapts a model that predicts the noise."""
    return adapt(model, "epsilon")


def x0_from_v(model: Model) -> Denoiser:
    """Adapts a model that predicts the velocity v = sqrt(ab) eps - sqrt(1 - ab) x0."""
    return adapt(model, "v_prediction")


def adapt(model: Model, prediction: Prediction) -> Denoiser:
    """Makes a denoiser of a model that predicts noise, velocity or x0 itself."""

    def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
        sigma = level.sigma_for(x)
        output = model(x * (sigma * sigma + 1).rsqrt(), level.timestep).to(x.dtype)
        return to_x0(x, output, sigma, prediction)

    return denoise


def to_x0(
    x: torch.Tensor, output: torch.Tensor, sigma: torch.Tensor, prediction: Prediction
) -> torch.Tensor:
    """x0 of a model's output at x; sigma: broadcastable to x, > 0."""
    match prediction:
        case "epsilon":
            return x - sigma * output
        case "v_prediction":
            square = sigma * sigma + 1
            return x / square - output * (sigma * square.rsqrt())
        case "sample":
            return output


def from_x0(
    x: torch.Tensor, x0: torch.Tensor, sigma: torch.Tensor, prediction: Prediction
) -> torch.Tensor:
    """The model output that means x0 at x: the inverse of `to_x0`."""
    match prediction:
        case "epsilon":
            return (x - x0) / sigma
        case "v_prediction":
            square = sigma * sigma + 1
            return (x / square - x0) * (square.sqrt() / sigma)
        case "sample":
            return x0
