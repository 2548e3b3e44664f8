"""Self-attention of a clip's frames that looks at other frames of the clip.

In the up blocks, keys and values of frame k are those of frame 0 and of frame k - 1, side by side,
made from the features of the same step and layer (Text2Video-Zero, 2303.13439, eq. 8, looks at the
first alone; Rerender A Video, 2306.07954, sec. 4.1, at both). The frames are rows of the batch, so
nothing is stored where one call holds all of them; of a longer clip only what the next call of the
same step looks back at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.contracts.settings.kinds import Attend
from backend.models.patches import Needs, PatchStack

_Pair = tuple[torch.Tensor, torch.Tensor]


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


class CrossFrameAttention:
    """The self-attention layers of a UNet's up blocks, under one control.

    Attributes:
        blend: Set around a model call; None leaves attention as it is.
    """

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
        self.blend: Rows | None = None
        self._model, self._patches = model, patches
        self._attend, self._own = attend, own
        self._layers: dict[str, Attention] = {
            name: module
            for name, module in model.named_modules()
            if name.startswith("up_blocks.")
            and name.endswith(".attn1")
            and isinstance(module, Attention)
        }
        if not self._layers:
            raise BadInput(
                "This model has no self-attention in its up blocks, by which frames look at each "
                "other; set attend to 'off'.",
                "attend",
            )
        # Of frame 0, and of the last frame of the call before: keys and values, (halves, 1, T, C).
        self._carried: dict[str, tuple[_Pair, _Pair]] = {}
        self.most_bytes = 0

    @property
    def needs(self) -> Needs:
        """Plain calls, for the processors are not the model's own; whole ones over rows."""
        return Needs(whole_batch=self.blend is not None, eager=True)

    def holdings(self) -> tuple[Holding, ...]:
        """Nothing that outlives a step."""
        return ()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Puts the processors in; on leaving, the very same ones as before are back."""
        before = {name: layer.processor for name, layer in self._layers.items()}
        try:
            for name, layer in self._layers.items():
                layer.processor = _Processor(self, name, layer.processor)  # pyright: ignore
            with self._patches.under(self, self._model):
                yield
        finally:
            for name, layer in self._layers.items():
                layer.processor = before[name]
            self._carried.clear()

    @contextmanager
    def over(self, rows: Rows) -> Iterator[None]:
        """The model calls inside hold these rows."""
        self.blend = rows
        try:
            yield
        finally:
            self.blend = None
            if not rows.goes_on:
                self._carried.clear()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Plain attention, while another job runs in the middle of this one."""
        blend, self.blend = self.blend, None
        try:
            yield
        finally:
            self.blend = blend

    @property
    def carried_bytes(self) -> int:
        """Of what the next call of this step looks back at; the same for a clip of any length."""
        return sum(
            part.nbytes for pairs in self._carried.values() for pair in pairs for part in pair
        )

    def looked_at(
        self, name: str, rows: Rows, k: torch.Tensor, v: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a layer, (B, T, C), as each row sees them: (B, T to 3 T, C)."""
        own = tuple(part.unflatten(0, (-1, rows.frames)) for part in (k, v))
        if rows.begins:
            first = before = tuple(part[:, :1] for part in own)
        else:
            first, before = self._carried[name]
        seen = tuple(
            torch.cat(self._side_by_side(*parts), dim=2).flatten(0, 1)
            for parts in zip(own, first, before, strict=True)
        )
        if rows.goes_on:
            kept = tuple(part.clone() for part in first), tuple(p[:, -1:].clone() for p in own)
            self._carried[name] = kept  # pyright: ignore[reportArgumentType]
            self.most_bytes = max(self.most_bytes, self.carried_bytes)
        return seen[0], seen[1]

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


class _Processor:
    """Scaled dot-product self-attention whose keys and values may be those of other rows."""

    def __init__(self, control: CrossFrameAttention, name: str, plain: Any) -> None:
        self._control, self._name, self._plain = control, name, plain

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **options: Any,
    ) -> torch.Tensor:
        rows = self._control.blend
        if rows is None:
            return self._plain(
                attn, hidden_states, encoder_hidden_states, attention_mask, **options
            )
        layer: Any = attn  # its projections are optional by annotation only
        k, v = layer.to_k(hidden_states), layer.to_v(hidden_states)
        k, v = self._control.looked_at(self._name, rows, k, v)
        q, k, v = (
            part.unflatten(2, (attn.heads, -1)).transpose(1, 2)
            for part in (layer.to_q(hidden_states), k, v)
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        project, dropout = layer.to_out
        return dropout(project(mixed))
