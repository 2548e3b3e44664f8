"""From what a model predicts to x0, and back: the only place that knows predictions apart.

At x = alpha x0 + sigma eps a model of noise or of velocity v was trained on x_t = s x of unit
variance, s = 1 / sqrt(alpha^2 + sigma^2), and a flow model on the straight line from x0 to eps,
x_t = x / (alpha + sigma). From its output at x_t follows
  epsilon:          x0 = (x - sigma eps) / alpha                        (2010.02502, eq. 9)
  v_prediction:     x0 = s (alpha s x) - sigma s v                      (2202.00512, app. D)
  sample:           x0 itself
  flow_prediction:  x0 = (x - sigma u) / (alpha + sigma), u = eps - x0  (2210.02747, eq. 22).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from backend.sampling.types import Denoiser, Level

Prediction = Literal["epsilon", "v_prediction", "sample", "flow_prediction"]
Model = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(x_t: (B, C, h, w), timestep: (B,)) -> prediction (B, C, h, w).

The model casts x_t to its own dtype; its output is cast back to that of the denoiser.
"""


def adapt(model: Model, prediction: Prediction) -> Denoiser:
    """Makes a denoiser of a model.

    The denoiser works in float32, or in float64 where x is float64; the caller decides on
    gradients.
    """

    def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        scaled = x * input_scale(x, level, prediction)
        return to_x0(x, model(scaled, level.timestep).to(x.dtype), level, prediction)

    return denoise


def input_scale(x: torch.Tensor, level: Level, prediction: Prediction) -> torch.Tensor:
    """What x is multiplied with to be the model's input, (B, 1, 1, 1)."""
    alpha, sigma = _exact(level)
    if prediction == "flow_prediction":
        return _like(1.0 / (alpha + sigma), x)
    return _like(_unit(alpha, sigma), x)


def to_x0(
    x: torch.Tensor, output: torch.Tensor, level: Level, prediction: Prediction
) -> torch.Tensor:
    """x0 of a model's output at x.

    Args:
        x: (B, C, h, w), float32 or float64.
        output: The same shape and dtype.
        level: Above sigma 0; its factors are worked out in float64 and rounded once.
        prediction: What the output means.
    """
    alpha, sigma = _exact(level)
    match prediction:
        case "epsilon":
            return (x - _like(sigma, x) * output) / _like(alpha, x)
        case "v_prediction":
            unit = _unit(alpha, sigma)
            return x * _like(unit, x) * _like(alpha * unit, x) - _like(sigma * unit, x) * output
        case "sample":
            return output
        case "flow_prediction":
            return (x - _like(sigma, x) * output) * _like(1.0 / (alpha + sigma), x)


def from_x0(
    x: torch.Tensor, x0: torch.Tensor, level: Level, prediction: Prediction
) -> torch.Tensor:
    """The model output that means x0 at x: the inverse of `to_x0`."""
    alpha, sigma = _exact(level)
    match prediction:
        case "epsilon":
            return (x - _like(alpha, x) * x0) / _like(sigma, x)
        case "v_prediction":
            unit = _unit(alpha, sigma)
            return (x * _like(alpha * unit * unit, x) - x0) / _like(sigma * unit, x)
        case "sample":
            return x0
        case "flow_prediction":
            return (x - _like(alpha + sigma, x) * x0) / _like(sigma, x)


def _exact(level: Level) -> tuple[torch.Tensor, torch.Tensor]:
    """alpha and sigma, (B,) float64."""
    return level.alpha.double(), level.sigma.double()


def _unit(alpha: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """1 / sqrt(alpha^2 + sigma^2), which brings x to unit variance."""
    return torch.rsqrt(sigma.square() + alpha.square())


def _like(factor: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """(B,) in float64 -> (B, 1, 1, 1) in the dtype of x, on its device."""
    rounded = factor.to(x.dtype).to(x.device, non_blocking=True)
    return rounded.reshape(-1, *(1,) * (x.ndim - 1))
