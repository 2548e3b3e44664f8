"""The oracle of attention across frames: diffusers' UNet, one frame after the other.

It does what is written: it stores each frame's inputs of the up blocks' self-attention, and lets
the next ones look at those of frame 0 and of the frame before, by an attention written out in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.settings.kinds import Attend


class Stored:
    """The oracle's processor of one layer."""

    def __init__(self, attend: Attend, own: bool) -> None:
        self.attend, self.own = attend, own
        self.features: list[torch.Tensor] = []

    def __call__(self, attn: Any, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        k = len(self.features)
        self.features.append(hidden_states)
        seen = {"first": [0], "previous": [max(0, k - 1)], "first_previous": [0, max(0, k - 1)]}
        sources = [self.features[i] for i in seen[self.attend]]
        beside = torch.cat([hidden_states, *sources] if self.own else sources, dim=1)
        q, key, v = attn.to_q(hidden_states), attn.to_k(beside), attn.to_v(beside)
        out = torch.empty_like(q)
        width = q.shape[-1] // attn.heads
        for head in range(attn.heads):
            part = slice(head * width, (head + 1) * width)
            scores = q[..., part] @ key[..., part].transpose(1, 2) * width**-0.5
            out[..., part] = scores.softmax(-1) @ v[..., part]
        return attn.to_out[0](out)


def layers(unet: UNet2DConditionModel) -> dict[str, Any]:
    return {
        name: module
        for name, module in unet.named_modules()
        if name.startswith("up_blocks") and name.endswith("attn1")
    }


@contextmanager
def storing(unet: UNet2DConditionModel, attend: Attend, own: bool = False) -> Iterator[None]:
    """The frames of one step are the calls inside, in order."""
    before = {name: layer.processor for name, layer in layers(unet).items()}
    for layer in layers(unet).values() if attend != "off" else ():
        layer.processor = Stored(attend, own)
    try:
        yield
    finally:
        for name, layer in layers(unet).items():
            layer.processor = before[name]


def strengthened(checkpoint: Path) -> Path:
    """A tiny checkpoint whose self-attention counts: with random weights it hardly does."""
    folder = checkpoint / "unet"
    unet = UNet2DConditionModel.from_pretrained(folder)
    with torch.no_grad():
        for layer in layers(unet).values():
            layer.to_q.weight.mul_(3)
            layer.to_k.weight.mul_(3)
            layer.to_out[0].weight.mul_(12)
    unet.save_pretrained(folder)
    return checkpoint
