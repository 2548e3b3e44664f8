"""The oracle of attention across frames: diffusers' UNet, one frame after the other.

It does what is written: it stores each frame's inputs of the up blocks' self-attention, and lets
the next ones look at those of the key and of the frames before; its attention is written out in
full.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.settings.kinds import Attend


@dataclass
class Clip:
    """What the layers of one step share.

    Attributes:
        frame: The number of the frame that is called now.
        key: That of the one that is looked at as the first; PICTURE for none of the clip.
    """

    attend: Attend
    own: bool
    key: int
    bank: int
    frame: int = -1

    def seen(self) -> list[int]:
        """The frames whose features the one that is called looks at, itself not counted."""
        k = self.frame
        if self.attend == "bank":
            return [k - back for back in range(1, self.bank + 1) if k - back >= 0]
        before = k if k in (0, self.key) else k - 1
        wanted = {
            "first": [self.key],
            "previous": [before],
            "first_previous": [self.key, before],
        }
        return wanted[self.attend]


class Stored:
    """The oracle's processor of one layer."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self.features: dict[int, torch.Tensor] = {}

    def __call__(self, attn: Any, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        clip = self.clip
        self.features[clip.frame] = hidden_states
        sources = [self.features[i] for i in clip.seen()]
        own = [hidden_states] if clip.own or clip.attend == "bank" else []
        beside = torch.cat([*own, *sources], dim=1)
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
def storing(
    unet: UNet2DConditionModel, attend: Attend, own: bool = False, *, key: int = 0, bank: int = 1
) -> Iterator[Clip]:
    """The frames of one step are the calls inside; `Clip.frame` says which comes."""
    clip = Clip(attend, own, key, bank)
    before = {name: layer.processor for name, layer in layers(unet).items()}
    for layer in layers(unet).values() if attend != "off" else ():
        layer.processor = Stored(clip)
    try:
        yield clip
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
