"""Learning a variance beside the prediction (2102.09672): the loss of twice the channels out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import Tensor


class Hybrid:
    """L_hybrid of v prediction (2202.00512): squared error of v, and the bound for the variance.

    The bound's way to the mean is cut, so that it teaches the variance alone; it counts as much as
    in the paper, lambda 0.001 times T = 1000 steps, in bits.

    Args:
        schedule: Of the noise, `DDPMScheduler`'s arguments.
    """

    def __init__(self, schedule: Mapping[str, Any]) -> None:
        made = DDPMScheduler(**schedule)
        self.alphas = made.alphas_cumprod.double()
        before = torch.cat([torch.ones(1, dtype=torch.float64), self.alphas[:-1]])
        betas = made.betas.double()
        # Of q(x_{t-1} | x_t, x0); at t = 0 it is nought, where that of the next step stands in.
        posterior = betas * (1 - before) / (1 - self.alphas)
        self._least = torch.cat([posterior[1:2], posterior[1:]]).log()
        self._most = betas.log()
        # Of x0 in the posterior's mean (2006.11239, eq. 7).
        self._weight = before.sqrt() * betas / (1 - self.alphas)

    def noised(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t of (B, C, H, W) at (B,) time steps."""
        signal, sigma = self._levels(t)
        return signal * x0 + sigma * noise

    def wanted(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """v of (B, C, H, W) at (B,) time steps."""
        signal, sigma = self._levels(t)
        return signal * noise - sigma * x0

    def loss(self, made: Tensor, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Mean over the batch.

        Args:
            made: (B, 2 C, H, W), v and the fraction of the variance, -1..1.
            x0: (B, C, H, W), what is to be found.
            noise: (B, C, H, W).
            t: (B,) time steps.
        """
        signal, sigma = self._levels(t)
        v, fraction = made.float().chunk(2, dim=1)
        found = signal * self.noised(x0, noise, t) - sigma * v.detach()
        return (v - self.wanted(x0, noise, t)).square().mean() + self._bound(
            found - x0, fraction, t
        )

    def _bound(self, off: Tensor, fraction: Tensor, t: Tensor) -> Tensor:
        """KL of the posterior from the model's step, bits a number; nothing at t = 0."""
        least, most, weight = (
            each[t].float()[:, None, None, None] for each in (self._least, self._most, self._weight)
        )
        share = (fraction + 1) / 2
        told = share * most + (1 - share) * least
        error = (weight * off).square()
        kl = 0.5 * (told - least - 1 + (least - told).exp() + error * (-told).exp())
        return (kl.mean(dim=(1, 2, 3)) * (t > 0)).mean() / math.log(2.0)

    def _levels(self, t: Tensor) -> tuple[Tensor, Tensor]:
        alphas = self.alphas[t].float()[:, None, None, None]
        return alphas.sqrt(), (1 - alphas).sqrt()
