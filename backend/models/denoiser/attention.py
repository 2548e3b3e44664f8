"""Self-attention that looks at two end pictures, for all frames between them in one batch.

DiffMorpher (CVPR 2024, sec. 3.3) replaces keys and values in the up blocks by the line between the
two ends' own, AID (NeurIPS 2024) puts that line beside the frame's own keys and values. Both take
the ends' features of the same step and layer: here the ends are rows of the batch, so nothing is
stored where one call holds all frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.denoiser.up_attention import UpAttention
from backend.models.memory.devices import place_of
from backend.models.patches import PatchStack

KEPT_BYTES = 2**30
_Pair = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Blend:
    """What the rows of the coming model call are.

    Attributes:
        at: (F,) position of each row between the ends; a guided batch holds the F rows twice.
        ends: Which rows are the ends; None where they ran in an earlier call of the same step.
        fused: Keep each row's own keys and values beside the ends' (AID), or not (DiffMorpher).
    """

    at: torch.Tensor
    ends: tuple[int, int] | None
    fused: bool


class EndAttention(UpAttention[Blend]):
    """The self-attention layers of a UNet's up blocks, under one control."""

    def __init__(
        self, model: UNet2DConditionModel, patches: PatchStack, kept_bytes: int = KEPT_BYTES
    ) -> None:
        """Looks the UNet over; changes nothing.

        Args:
            model: The UNet.
            patches: Of the checkpoint that it is a part of.
            kept_bytes: Bound of the features kept from step to step, see `keep`.

        Raises:
            BadInput: The UNet has no self-attention in its up blocks.
        """
        lacking = BadInput(
            "This model has no self-attention in its up blocks, which blending two pictures "
            "needs; use the method 'walk'.",
            "method",
        )
        super().__init__(model, patches, lacking)
        self._bound = kept_bytes
        self._now: dict[str, _Pair] = {}
        self._kept: dict[int, dict[str, _Pair]] = {}
        self._held: tuple[Holding, ...] = ()
        self._full = False

    @property
    def kept_bytes(self) -> int:
        """Bytes of the kept features."""
        return sum(
            part.nbytes for step in self._kept.values() for pair in step.values() for part in pair
        )

    def holdings(self) -> tuple[Holding, ...]:
        """The kept features, which lie where they were made."""
        return self._held

    def keep(self, step: int) -> None:
        """Keeps the ends' features of the calls just made, in half precision, within the bound.

        They serve frames that are inserted later, without running the ends again.
        """
        if self._full or not self._now:
            return
        half = {name: _halved(pair) for name, pair in self._now.items()}
        size = sum(part.nbytes for pair in half.values() for part in pair)
        if self.kept_bytes + size > self._bound:
            self._kept.clear()  # a part of the steps is of no use
            self._full, self._held = True, ()
            return
        self._kept[step] = half
        place = place_of(next(iter(half.values()))[0].device)
        self._held = (Holding("attention to the ends", place, self.kept_bytes),)

    def has(self, step: int) -> bool:
        """Whether the ends' features of a step are kept."""
        return step in self._kept

    def recall(self, step: int) -> None:
        """Takes the kept features of a step for the coming calls."""
        dtype = next(next(iter(self._layers.values())).parameters()).dtype
        self._now = {
            name: (k0.to(dtype), k1.to(dtype), v0.to(dtype), v1.to(dtype))
            for name, (k0, k1, v0, v1) in self._kept[step].items()
        }

    def forget_step(self) -> None:
        """Drops what the calls of one step share."""
        self._now = {}

    def seen(
        self, name: str, k: torch.Tensor, v: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a layer under `blend`: (B, T, C) -> (B, T or 2 T, C)."""
        blend = self.blend
        assert blend is not None
        rows = len(blend.at)
        shape = (len(k) // rows, rows, *k.shape[1:])
        own_k, own_v = k.view(shape), v.view(shape)
        if blend.ends is not None:
            a, b = blend.ends
            self._now[name] = (own_k[:, a], own_k[:, b], own_v[:, a], own_v[:, b])
        k0, k1, v0, v1 = self._now[name]
        at = blend.at.to(k.dtype).view(1, rows, 1, 1)
        line_k = torch.lerp(k0[:, None], k1[:, None], at)
        line_v = torch.lerp(v0[:, None], v1[:, None], at)
        if blend.fused:
            line_k = torch.cat([own_k, line_k], dim=2)
            line_v = torch.cat([own_v, line_v], dim=2)
        return line_k.flatten(0, 1), line_v.flatten(0, 1)


def _halved(pair: _Pair) -> _Pair:
    k0, k1, v0, v1 = (part.to(torch.float16, copy=True) for part in pair)
    return k0, k1, v0, v1
