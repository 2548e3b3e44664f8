"""The oracle of attention to a reference: diffusers' UNet, an attention written out in full.

It stores the inputs of every self-attention in the reference's call, and in the next ones lays
copies of the row's own and of those side by side; weights are numbers of copies.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel


class Copies(NamedTuple):
    """How often the keys of each are there."""

    own: int
    reference: int


class Referring:
    """In force while the context lasts."""

    def __init__(self, unet: UNet2DConditionModel, copies: Copies) -> None:
        self.keeps = False
        self._copies = copies
        self._layers: dict[str, Any] = {
            name: module for name, module in unet.named_modules() if name.endswith("attn1")
        }
        self._before = {name: layer.processor for name, layer in self._layers.items()}
        self._stored: dict[str, torch.Tensor] = {}

    def __enter__(self) -> Self:
        for name, layer in self._layers.items():
            layer.processor = _Layer(self, name)
        return self

    def __exit__(self, *_: object) -> None:
        for name, layer in self._layers.items():
            layer.processor = self._before[name]

    def beside(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """What the rows of a layer look at."""
        if self.keeps:
            self._stored[name] = x
            return x
        kept = self._stored[name]
        each = [kept[row * len(kept) // len(x)] for row in range(len(x))]
        return torch.cat([x] * self._copies.own + [torch.stack(each)] * self._copies.reference, 1)


class _Layer:
    def __init__(self, oracle: Referring, name: str) -> None:
        self._oracle, self._name = oracle, name

    def __call__(self, attn: Any, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        beside = self._oracle.beside(self._name, hidden_states)
        q, k, v = attn.to_q(hidden_states), attn.to_k(beside), attn.to_v(beside)
        out = torch.empty_like(q)
        width = q.shape[-1] // attn.heads
        for head in range(attn.heads):
            part = slice(head * width, (head + 1) * width)
            scores = q[..., part] @ k[..., part].transpose(1, 2) * width**-0.5
            out[..., part] = scores.softmax(-1) @ v[..., part]
        return attn.to_out[0](out)
