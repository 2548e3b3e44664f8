"""Self-attention that looks at a reference picture: reference-only attention.

The reference, at the noise level of the step, goes through the same network; its keys and values
stay, and those of the rows that are drawn are laid beside them (the ControlNet extension's
"reference_only"; MasaCtrl, 2304.08465, puts them in their place). How much they count is a weight
in the softmax: a key of weight w counts like w keys, so that weight 0 is the plain model.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.denoiser.up_attention import UpAttention
from backend.models.memory.devices import place_of
from backend.models.patches import PatchStack

Call = Literal["kept", "seen"]
"""What the coming model call holds: the reference, or rows that look at it."""


class ReferenceAttention(UpAttention[Call]):
    """All self-attention layers of a UNet, under one control."""

    PLACES = ("down_blocks.", "mid_block.", "up_blocks.")

    def __init__(
        self, model: UNet2DConditionModel, patches: PatchStack, weight: float, *, replaces: bool
    ) -> None:
        """Looks the UNet over; changes nothing.

        Args:
            model: The UNet.
            patches: Of the checkpoint that it is a part of.
            weight: Above 0; what each of the reference's keys counts, 1 as one of the picture's.
            replaces: The picture's own keys count 1 - weight each, else 1.

        Raises:
            BadInput: The UNet has no self-attention.
        """
        lacking = BadInput(
            "This model has no self-attention, by which a picture looks at its reference; set "
            "reference_weight to 0.",
            "reference_weight",
        )
        super().__init__(model, patches, lacking)
        self._weight, self._own = weight, 1.0 - weight if replaces else 1.0
        self._kept: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._held: tuple[Holding, ...] = ()

    @contextmanager
    def installed(self) -> Generator[None]:
        """As any; what was kept goes with it."""
        try:
            with super().installed():
                yield
        finally:
            self.forget()

    @contextmanager
    def during(self, call: Call) -> Generator[None]:
        """The model calls inside are of that kind; what was kept for them goes at the end."""
        self.blend = call
        try:
            yield
        finally:
            self.blend = None
            if call == "seen":
                self.forget()
            elif self._kept:
                place = place_of(next(iter(self._kept.values()))[0].device)
                self._held = (Holding("the reference's features", place, self.kept_bytes),)

    def forget(self) -> None:
        """Drops the reference's keys and values."""
        self._kept, self._held = {}, ()

    @property
    def kept_bytes(self) -> int:
        """Of the reference's keys and values."""
        return sum(part.nbytes for pair in self._kept.values() for part in pair)

    def holdings(self) -> tuple[Holding, ...]:
        """The reference's keys and values, from its call to that of the rows."""
        return self._held

    def seen(
        self, name: str, k: torch.Tensor, v: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a layer, (B, T, C), as each row sees them: (B, T + R, C).

        The reference has a row for each of the conditioning's, which stands for as many samples
        in succession.
        """
        if self.blend == "kept":
            self._kept[name] = (k, v)
            return k, v
        kept_k, kept_v = (
            part.repeat_interleave(len(k) // len(part), 0) for part in self._kept[name]
        )
        if self._own == 0:
            return kept_k, kept_v
        return torch.cat([k, kept_k], dim=1), torch.cat([v, kept_v], dim=1)

    def favour(self, own: int, k: torch.Tensor) -> torch.Tensor | None:
        """(1, 1, 1, T + R): logarithms of what the keys count; None where all count alike."""
        if self.blend == "kept" or self._own in (0.0, self._weight):
            return None
        made = torch.full((k.shape[1],), math.log(self._weight), dtype=k.dtype, device=k.device)
        made[:own] = math.log(self._own)
        return made[None, None, None]
