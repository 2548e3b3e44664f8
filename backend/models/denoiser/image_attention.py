"""Cross-attention that looks at a picture's tokens too, by the layers of an IP-Adapter.

Beside what a layer finds in the prompt stands what the same queries find in the picture, by keys
and values of its own, times a weight (2308.06721, eq. 5). It is added after whatever else the layer
does: its output is linear in what it found.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.holdings import Holding
from backend.models.ipadapter.adapter import ImageAdapter, check_fits, cross_layers
from backend.models.memory.block_offload import bring
from backend.models.patches import Needs, PatchStack
from backend.models.tensors import named_modules


class Told(NamedTuple):
    """What the rows of the coming call are told of a picture.

    Attributes:
        tokens: (b, n, width); each row stands for as many samples in succession.
        weight: Of what is found in them.
    """

    tokens: torch.Tensor
    weight: float


class ImageAttention:
    """The cross-attention layers of a UNet beside those of an adapter; a patch."""

    def __init__(
        self, model: UNet2DConditionModel, patches: PatchStack, adapter: ImageAdapter, name: str
    ) -> None:
        """Looks both over; changes nothing.

        Args:
            model: The UNet.
            patches: Of the checkpoint that it is a part of.
            adapter: Leased as long as the patch is on.
            name: Of the checkpoint.

        Raises:
            BadInput: They do not fit.
        """
        check_fits(adapter, model, name)
        self.adapter = adapter
        self.told: Told | None = None
        self._model, self._patches = model, patches
        modules = dict(named_modules(model))
        layers = [modules[layer] for layer in cross_layers(model)]
        self._layers = [layer for layer in layers if isinstance(layer, Attention)]

    @property
    def needs(self) -> Needs:
        """Plain calls; while it acts, whole ones: rows are told different things."""
        return Needs(whole_batch=self.told is not None, eager=True)

    def holdings(self) -> tuple[Holding, ...]:
        """Nothing: what it reads is the adapter's."""
        return ()

    @contextmanager
    def telling(self, told: Told) -> Generator[None]:
        """The model calls inside look at these tokens."""
        bring(self.adapter.patches, self.adapter.pairs)
        self.told = told
        try:
            yield
        finally:
            self.told = None

    @contextmanager
    def installed(self) -> Generator[None]:
        """Puts the processors in; on leaving, the very same ones as before are back."""
        before = [layer.processor for layer in self._layers]
        pairs = self.adapter.pairs
        try:
            for layer, k, v in zip(self._layers, pairs.k, pairs.v, strict=True):
                layer.processor = _Processor(self, layer.processor, k, v)  # pyright: ignore
            with self._patches.under(self, self._model):
                yield
        finally:
            for layer, plain in zip(self._layers, before, strict=True):
                layer.processor = plain


class _Processor:
    """What a layer does anyway, and what it finds in the picture."""

    def __init__(
        self, control: ImageAttention, plain: Any, k: torch.Tensor, v: torch.Tensor
    ) -> None:
        self._control, self._plain, self._k, self._v = control, plain, k, v

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **options: Any,
    ) -> torch.Tensor:
        made = self._plain(attn, hidden_states, encoder_hidden_states, attention_mask, **options)
        told = self._control.told
        if told is None or told.weight == 0:
            return made
        layer: Any = attn  # its projections are optional by annotation only
        tokens = told.tokens.repeat_interleave(len(hidden_states) // len(told.tokens), 0)
        parts = (layer.to_q(hidden_states), F.linear(tokens, self._k), F.linear(tokens, self._v))
        q, k, v = (part.reshape(*part.shape[:2], attn.heads, -1).transpose(1, 2) for part in parts)
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        project, _ = layer.to_out
        # The projection's bias is in `made` already.
        added = project(told.weight * found) - project(torch.zeros_like(found[:, :1]))
        return made + added / attn.rescale_output_factor
