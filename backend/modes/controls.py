"""ControlNets under the denoiser: which act at a level, and the sum of what they add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.models.controlnet import ControlNet
from backend.models.text import Conditioning
from backend.models.unet import ResidualHook, Residuals, Unet
from backend.modes.parts import BaseDenoiser, Check
from backend.sampling.guidance import SigmaRange
from backend.sampling.types import Denoiser, Level
from backend.settings import ControlMode


@dataclass(frozen=True, eq=False)
class Control:
    """One ControlNet of a run.

    Attributes:
        net: Leased for the run.
        hint: (1, 3, H, W), its control picture.
        scale: Conditioning scale, 0..2.
        mode: Which of prompt and control counts for more.
        levels: Where it acts.
    """

    net: ControlNet
    hint: torch.Tensor
    scale: float
    mode: ControlMode
    levels: SigmaRange

    def residuals(
        self, scaled: torch.Tensor, timestep: torch.Tensor, context: torch.Tensor, guided: bool
    ) -> Residuals:
        """What it adds; nothing to the negative half where only the conditional one counts."""
        if not (guided and self.net.conditional_only(self.mode)):
            return self.net.residuals(self.hint, scaled, timestep, context, self.scale, self.mode)
        half = len(scaled) // 2
        added = self.net.residuals(
            self.hint, scaled[half:], timestep[half:], context[half:], self.scale, self.mode
        )
        return Residuals(tuple(_with_zeros(part) for part in added.down), _with_zeros(added.mid))


def _with_zeros(conditional: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.zeros_like(conditional), conditional])


def controlled(unet: Unet, controls: Sequence[Control]) -> BaseDenoiser:
    """The UNet with ControlNets, for `parts.make_denoiser`.

    A ControlNet outside its range, or with scale 0, is not run at all.
    """

    def base(conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
        guided = len(conditioning) == 2
        plain = unet.denoiser(conditioning, check)
        built: dict[tuple[bool, ...], Denoiser] = {}

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            acting = tuple(c.scale > 0 and c.levels.holds(level) for c in controls)
            if not any(acting):
                return plain(x, level)
            if acting not in built:
                chosen = [c for c, acts in zip(controls, acting, strict=True) if acts]
                built[acting] = unet.denoiser(conditioning, check, _sum_of(chosen, guided))
            return built[acting](x, level)

        return denoise

    return base


def _sum_of(controls: Sequence[Control], guided: bool) -> ResidualHook:
    def residuals(
        scaled: torch.Tensor, timestep: torch.Tensor, context: torch.Tensor
    ) -> Residuals:
        first, *others = (c.residuals(scaled, timestep, context, guided) for c in controls)
        down, mid = list(first.down), first.mid
        for other in others:
            down = [ours + theirs for ours, theirs in zip(down, other.down, strict=True)]
            mid = mid + other.mid
        return Residuals(tuple(down), mid)

    return residuals
