"""ControlNets under the denoiser: which act at a level, and the sum of what they add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from backend.contracts.settings import ControlMode
from backend.models.control.controlnet import ControlNet
from backend.models.denoiser.unet import Added, ResidualHook, Residuals
from backend.models.parts import Network
from backend.models.text.clip import Conditioning
from backend.modes.guide import BaseDenoiser, Check
from backend.sampling.guidance import SigmaRange
from backend.sampling.types import Denoiser, Level


@dataclass(frozen=True, eq=False)
class Control:
    """One ControlNet of a run.

    Attributes:
        net: Leased for the run.
        hint: (1, 3, H, W), its control picture, or (b, 3, H, W), one for each sample.
        scale: Conditioning scale, 0..2.
        mode: Which of prompt and control counts for more.
        levels: Where it acts.
        rows: (b, 1, 1, 1), what each sample's share of it is multiplied by; None leaves it.
    """

    net: ControlNet
    hint: torch.Tensor
    scale: float
    mode: ControlMode
    levels: SigmaRange
    rows: torch.Tensor | None = None

    def residuals(
        self,
        scaled: torch.Tensor,
        timestep: torch.Tensor,
        context: torch.Tensor,
        added: Added | None,
        conditions: int,
    ) -> Residuals:
        """What it adds; nothing to the negative rows where only the conditional ones count.

        Args:
            conditions: How many are stacked along the batch; of several, the first is negative.
        """
        found = self._found(scaled, timestep, context, added, conditions)
        if self.rows is None:
            return found
        weights = self.rows.to(found.mid).repeat(len(found.mid) // len(self.rows), 1, 1, 1)
        return Residuals(tuple(part * weights for part in found.down), found.mid * weights)

    def _found(
        self,
        scaled: torch.Tensor,
        timestep: torch.Tensor,
        context: torch.Tensor,
        added: Added | None,
        conditions: int,
    ) -> Residuals:
        if conditions == 1 or not self.net.conditional_only(self.mode):
            return self.net.residuals(
                self.hint, scaled, timestep, context, self.scale, self.mode, added
            )
        negative = len(scaled) // conditions
        own = None if added is None else {name: rows[negative:] for name, rows in added.items()}
        found = self.net.residuals(
            self.hint,
            scaled[negative:],
            timestep[negative:],
            context[negative:],
            self.scale,
            self.mode,
            own,
        )
        down = tuple(_with_zeros(part, negative) for part in found.down)
        return Residuals(down, _with_zeros(found.mid, negative))


def _with_zeros(conditional: torch.Tensor, rows: int) -> torch.Tensor:
    return torch.cat([torch.zeros_like(conditional[:rows]), conditional])


def controlled(
    unet: Network, controls: Sequence[Control], channels: torch.Tensor | None = None
) -> BaseDenoiser:
    """The UNet with ControlNets, for `guide.make_denoiser`.

    A ControlNet outside its range, or with scale 0, is not run at all.

    Args:
        unet: The base.
        controls: At least one.
        channels: What an inpainting model sees beside x, see `Unet.denoiser`.
    """

    def base(conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
        plain = unet.denoiser(conditioning, check, channels=channels)
        built: dict[tuple[bool, ...], Denoiser] = {}

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            acting = tuple(c.scale > 0 and c.levels.holds(level) for c in controls)
            if not any(acting):
                return plain(x, level)
            if acting not in built:
                chosen = [c for c, acts in zip(controls, acting, strict=True) if acts]
                built[acting] = unet.denoiser(
                    conditioning, check, _sum_of(chosen, len(conditioning)), channels=channels
                )
            return built[acting](x, level)

        return denoise

    return base


def _sum_of(controls: Sequence[Control], conditions: int) -> ResidualHook:
    def residuals(
        scaled: torch.Tensor, timestep: torch.Tensor, context: torch.Tensor, added: Added | None
    ) -> Residuals:
        first, *others = (
            c.residuals(scaled, timestep, context, added, conditions) for c in controls
        )
        down, mid = list(first.down), first.mid
        for other in others:
            down = [ours + theirs for ours, theirs in zip(down, other.down, strict=True)]
            mid = mid + other.mid
        return Residuals(tuple(down), mid)

    return residuals
