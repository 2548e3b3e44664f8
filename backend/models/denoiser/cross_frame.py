"""Self-attention of a clip's frames that looks at other frames of the clip.

In the up blocks, keys and values of frame k are those of frame 0 and of frame k - 1, side by side,
made from the features of the same step and layer (Text2Video-Zero, 2303.13439, eq. 8, looks at the
first alone; Rerender A Video, 2306.07954, sec. 4.1, at both). The frames are rows of the batch, so
nothing is stored where one call holds all of them; of a longer clip only what the next call of the
same step looks back at.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.errors import BadInput
from backend.contracts.settings.kinds import Attend
from backend.models.denoiser.up_attention import UpAttention
from backend.models.patches import PatchStack
from backend.models.tensors import split_rows


class _Pair(NamedTuple):
    """Keys and values, (halves, frames, T, C) each."""

    k: torch.Tensor
    v: torch.Tensor

    def frames(self, which: slice) -> _Pair:
        """Of some of the frames."""
        return _Pair(self.k[:, which], self.v[:, which])

    def copied(self) -> _Pair:
        """In memory of its own."""
        return _Pair(self.k.clone(), self.v.clone())


@dataclass(frozen=True)
class Rows:
    """What the rows of the coming model call are.

    Attributes:
        frames: Frames in a row, neighbours in the clip; a guided batch holds them twice.
        begins: They begin with frame 0; else they follow the last frames of the call before.
        goes_on: Another call of the same step follows with the next frames.
    """

    frames: int
    begins: bool
    goes_on: bool


class CrossFrameAttention(UpAttention[Rows]):
    """The self-attention layers of a UNet's up blocks, under one control."""

    def __init__(
        self, model: UNet2DConditionModel, patches: PatchStack, attend: Attend, own: bool = False
    ) -> None:
        """Looks the UNet over; changes nothing.

        Args:
            model: The UNet.
            patches: Of the checkpoint that it is a part of.
            attend: What frames look at; not "off".
            own: Their own keys and values stay beside those of the others.

        Raises:
            BadInput: The UNet has no self-attention in its up blocks.
        """
        lacking = BadInput(
            "This model has no self-attention in its up blocks, by which frames look at each "
            "other; set attend to 'off'.",
            "attend",
        )
        super().__init__(model, patches, lacking)
        self._attend, self._own = attend, own
        # Of frame 0, and of the last frame of the call before: keys and values, (halves, 1, T, C).
        self._carried: dict[str, tuple[_Pair, _Pair]] = {}
        self.most_bytes = 0

    @contextmanager
    def installed(self) -> Generator[None]:
        """As any; what was carried goes with it."""
        try:
            with super().installed():
                yield
        finally:
            self._carried.clear()

    @contextmanager
    def over(self, rows: Rows) -> Generator[None]:
        """The model calls inside hold these rows."""
        self.blend = rows
        try:
            yield
        finally:
            self.blend = None
            if not rows.goes_on:
                self._carried.clear()

    @property
    def carried_bytes(self) -> int:
        """Of what the next call of this step looks back at; the same for a clip of any length."""
        return sum(
            part.nbytes for pairs in self._carried.values() for pair in pairs for part in pair
        )

    def seen(
        self, name: str, k: torch.Tensor, v: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a layer, (B, T, C), as each row sees them: (B, T to 3 T, C)."""
        rows = self.blend
        assert rows is not None
        own = _Pair(split_rows(k, rows.frames), split_rows(v, rows.frames))
        if rows.begins:
            first = before = own.frames(slice(0, 1))
        else:
            first, before = self._carried[name]
        if rows.goes_on:
            self._carried[name] = first.copied(), own.frames(slice(-1, None)).copied()
            self.most_bytes = max(self.most_bytes, self.carried_bytes)
        return (
            torch.cat(self._side_by_side(own.k, first.k, before.k), dim=2).flatten(0, 1),
            torch.cat(self._side_by_side(own.v, first.v, before.v), dim=2).flatten(0, 1),
        )

    def _side_by_side(
        self, own: torch.Tensor, first: torch.Tensor, before: torch.Tensor
    ) -> list[torch.Tensor]:
        """What each frame looks at, (halves, F, T, C) each; frame 0 comes before itself."""
        parts = [own] if self._own else []
        if self._attend in ("first", "first_previous"):
            parts.append(first.expand_as(own))
        if self._attend in ("previous", "first_previous"):
            parts.append(torch.cat([before, own[:, :-1]], dim=1))
        return parts
