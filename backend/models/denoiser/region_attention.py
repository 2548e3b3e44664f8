"""Cross-attention in which each place of the picture reads the prompt of its own region.

What the network is told holds several prompts, one after the other; each place takes what its
attention makes of each, by shares that add up to 1 (the masked cross-attention of 2211.13227 and
2302.10893). One row of a call so draws the whole picture, which stays of one piece.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.patches import Needs, PatchStack
from backend.models.tensors import named_modules


class RegionAttention:
    """All cross-attention layers of a UNet, under one control; a patch."""

    def __init__(self, model: UNet2DConditionModel, patches: PatchStack) -> None:
        """Looks the UNet over; changes nothing.

        Args:
            model: The UNet.
            patches: Of the checkpoint that it is a part of.

        Raises:
            BadInput: It reads no prompt by attention.
        """
        self._model, self._patches = model, patches
        self._layers: dict[str, Attention] = {
            name: module
            for name, module in named_modules(model)
            if name.endswith(".attn2") and isinstance(module, Attention)
        }
        if not self._layers:
            raise BadInput(
                "This model reads no prompt by attention; set region_by to prediction.", "region_by"
            )
        self._shares: torch.Tensor | None = None
        self._sized: dict[int, torch.Tensor] = {}

    @property
    def needs(self) -> Needs:
        """Plain calls, for the processors are not the model's own; while it acts, whole ones."""
        return Needs(whole_batch=self._shares is not None, eager=True)

    def holdings(self) -> tuple[Holding, ...]:
        """Nothing worth counting."""
        return ()

    @contextmanager
    def installed(self) -> Generator[None]:
        """Puts the processors in; on leaving, the very same ones as before are back."""
        before = {name: layer.processor for name, layer in self._layers.items()}
        try:
            for layer in self._layers.values():
                layer.processor = _Processor(self, layer.processor)  # pyright: ignore
            with self._patches.under(self, self._model):
                yield
        finally:
            for name, layer in self._layers.items():
                layer.processor = before[name]

    @contextmanager
    def during(self, shares: torch.Tensor) -> Generator[None]:
        """The model calls inside are told several prompts, and each place reads its own.

        Args:
            shares: (R, n, h, w) at the latents' size: how much a place takes of each of the n
                prompts, 1 in all, for each of R conditionings.
        """
        self._shares, self._sized = shares, {}
        try:
            yield
        finally:
            self._shares, self._sized = None, {}

    def shares(self, places: int) -> torch.Tensor | None:
        """(R, n, T) for a layer of T places; None where there is but one prompt.

        Raises:
            ValueError: No level of the network has so many places.
        """
        if self._shares is None:
            return None
        if places not in self._sized:
            height, width = self._shares.shape[2:]
            while height * width > places:
                height, width = (height + 1) // 2, (width + 1) // 2
            if height * width != places:
                raise ValueError(f"no level of the network has {places} places")
            small = F.interpolate(self._shares, (height, width), mode="area")
            self._sized[places] = small.flatten(2)
        return self._sized[places]


class _Processor:
    """Cross-attention to each of several prompts, shared out by places."""

    def __init__(self, control: RegionAttention, plain: Any) -> None:
        self._control, self._plain = control, plain

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **options: Any,
    ) -> torch.Tensor:
        shares = self._control.shares(hidden_states.shape[1])
        if shares is None or encoder_hidden_states is None:
            return self._plain(
                attn, hidden_states, encoder_hidden_states, attention_mask, **options
            )
        layer: Any = attn  # its projections are optional by annotation only
        count, heads = shares.shape[1], attn.heads
        q = layer.to_q(hidden_states).unflatten(2, (heads, -1)).transpose(1, 2)
        k, v = (
            project(encoder_hidden_states)
            .unflatten(1, (count, -1))
            .unflatten(3, (heads, -1))
            .transpose(2, 3)
            for project in (layer.to_k, layer.to_v)
        )  # (B, n, heads, length, d)
        read = F.scaled_dot_product_attention(q[:, None].expand(-1, count, -1, -1, -1), k, v)
        rows = shares.repeat_interleave(len(read) // len(shares), dim=0).to(read.dtype)
        mixed = (rows[:, :, None, :, None] * read).sum(dim=1)
        project, dropout = layer.to_out
        return dropout(project(mixed.transpose(1, 2).flatten(2)))
