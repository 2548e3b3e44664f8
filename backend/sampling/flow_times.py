"""Where the times of a flow model lie: diffusers' `FlowMatchEulerDiscreteScheduler`.

A time t in 0..1 names the level x = (1 - t) x0 + t eps (2210.02747, eq. 21). A shift moves the
times of a run towards noise, by a number of the config (2403.03206, eq. 23) or, for a dynamic one,
by one that grows with the picture.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Floats = NDArray[np.float64]
Curve = Literal["karras", "exponential", "beta"]

_RHO = 7.0  # 2206.00364, below eq. 5
_BETA = 0.6  # both parameters of 2407.12173


class FlowConfig(BaseModel):
    """A flow scheduler's config, in diffusers' names but for the last three.

    Attributes:
        num_train_timesteps: The model is told t times that.
        shift: s of t' = s t / (1 + (s - 1) t).
        use_dynamic_shifting: The shift follows the size of the picture instead.
        base_shift: Its mu at `base_image_seq_len` tokens.
        max_shift: Its mu at `max_image_seq_len` tokens; linear between and beyond.
        base_image_seq_len: Tokens of a picture.
        max_image_seq_len: Tokens of a picture.
        time_shift_type: exponential: s = exp(mu); linear: s = mu.
        shift_terminal: The last time before 0, to which the others are stretched.
        use_karras_sigmas: Karras's curve between the first time and the last.
        use_exponential_sigmas: Likewise.
        use_beta_sigmas: Quantiles of a beta distribution between the two.
        invert_sigmas: Not followed.
        stochastic_sampling: Not followed; the sampler `lcm` is that.
        spacing: Before they are shifted, times run from 1 by 1 / n (`trailing`, as the pipelines
            of some families ask) or between the ends of the training's shifted table.
        patch: Latent positions to the side of a token.
        measured: The dynamic shift is Flux.2's: it follows the steps, too, by a measured law.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    num_train_timesteps: int = Field(1000, ge=2)
    shift: float = Field(1.0, gt=0.0)
    use_dynamic_shifting: bool = False
    base_shift: float = 0.5
    max_shift: float = 1.15
    base_image_seq_len: int = Field(256, ge=1)
    max_image_seq_len: int = Field(4096, ge=2)
    time_shift_type: Literal["exponential", "linear"] = "exponential"
    shift_terminal: float | None = Field(None, gt=0.0, lt=1.0)
    use_karras_sigmas: bool = False
    use_exponential_sigmas: bool = False
    use_beta_sigmas: bool = False
    invert_sigmas: Literal[False] = False
    stochastic_sampling: Literal[False] = False
    spacing: Literal["trailing", "table"] = "table"
    patch: int = Field(2, ge=1)
    measured: bool = False

    def mu(self, positions: int, steps: int = 0) -> float:
        """The exponent of the dynamic shift for a picture of so many latent positions."""
        tokens = positions // self.patch**2
        if self.measured:
            return _measured_mu(tokens, steps)
        slope = (self.max_shift - self.base_shift) / (
            self.max_image_seq_len - self.base_image_seq_len
        )
        return tokens * slope + self.base_shift - slope * self.base_image_seq_len

    def factor(self, positions: int, steps: int) -> float:
        """s of the shift of a picture's times."""
        if not self.use_dynamic_shifting:
            return self.shift
        mu = self.mu(positions, steps)
        return mu if self.time_shift_type == "linear" else math.exp(mu)


def _measured_mu(tokens: int, steps: int) -> float:
    """Flux.2's, linear in the steps between what was measured at 10 and at 200.

    The numbers are those of diffusers' `compute_empirical_mu`.
    """
    at_200 = 0.00016927 * tokens + 0.45666666
    if tokens > 4300:
        return at_200
    at_10 = 8.73809524e-05 * tokens + 1.89833333
    return at_200 + (at_200 - at_10) / 190 * (steps - 200)


def shifted(times: Floats, factor: float) -> Floats:
    """t' = s t / (1 + (s - 1) t)."""
    return factor * times / (1 + (factor - 1) * times)


def times_of(
    config: FlowConfig, steps: int, positions: int, spacing: str = "", curve: Curve | None = None
) -> Floats:
    """The times before each step, (steps,) falling; the run ends at 0.

    Args:
        config: Of the model.
        steps: How many.
        positions: Latent positions of the picture.
        spacing: Instead of the config's; "" keeps it.
        curve: Instead of the config's own.
    """
    if (spacing or config.spacing) == "trailing":
        even = np.linspace(1.0, 1 / steps, steps)
    else:
        # The table is shifted already where the shift is fixed, and its ends are shifted again.
        own = 1.0 if config.use_dynamic_shifting else config.shift
        lowest = float(shifted(np.array([1 / config.num_train_timesteps]), own)[0])
        even = np.linspace(1.0, lowest, steps)
    times = _stretched(shifted(even, config.factor(positions, steps)), config.shift_terminal)
    curve = curve or _own_curve(config)
    return times if curve is None else _between(curve, float(times[0]), float(times[-1]), steps)


def _own_curve(config: FlowConfig) -> Curve | None:
    if config.use_karras_sigmas:
        return "karras"
    if config.use_exponential_sigmas:
        return "exponential"
    return "beta" if config.use_beta_sigmas else None


def _stretched(times: Floats, terminal: float | None) -> Floats:
    """With the last at `terminal`."""
    if terminal is None or times[-1] == 1.0:  # a single step begins and ends at noise
        return times
    return 1 - (1 - times) * ((1 - terminal) / (1 - times[-1]))


def _between(curve: Curve, top: float, bottom: float, steps: int) -> Floats:
    match curve:
        case "karras":
            high, low = top ** (1 / _RHO), bottom ** (1 / _RHO)
            return np.asarray((high + np.linspace(0, 1, steps) * (low - high)) ** _RHO)
        case "exponential":
            return np.exp(np.linspace(math.log(top), math.log(bottom), steps))
        case "beta":
            # Slow to import, and few models ask for it.
            special: Any = import_module("scipy.special")
            quantiles = special.betaincinv(_BETA, _BETA, 1 - np.linspace(0, 1, steps))
            return np.asarray(bottom + quantiles * (top - bottom), dtype=np.float64)
