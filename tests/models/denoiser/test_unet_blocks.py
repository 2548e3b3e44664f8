"""The pieces of diffusers' UNets: all that is large, once, in the order of the calls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.unet_blocks import blocks_of, half_blocks_of


def test_blocks_come_in_the_order_of_their_calls(eps: Checkpoint) -> None:
    unet: Any = eps.network.model
    blocks = blocks_of(unet)
    assert blocks == (*unet.down_blocks, unet.mid_block, *unet.up_blocks)
    called: list[nn.Module] = []
    hooks = [block.register_forward_pre_hook(lambda m, _: called.append(m)) for block in blocks]
    context = torch.zeros(1, 77, unet.config["cross_attention_dim"])
    with torch.no_grad():
        unet(torch.zeros(1, 4, 8, 8), torch.tensor([1]), context)
    for hook in hooks:
        hook.remove()
    assert called == list(blocks)


def test_a_unet_may_have_nothing_in_the_middle(eps: Checkpoint) -> None:
    unet: Any = eps.network.model
    assert half_blocks_of(unet) == (*unet.down_blocks, unet.mid_block)
    hollow: Any = SimpleNamespace(
        down_blocks=unet.down_blocks, mid_block=None, up_blocks=unet.up_blocks
    )
    assert blocks_of(hollow) == (*unet.down_blocks, *unet.up_blocks)


def test_they_hold_nearly_all_of_the_weights(eps: Checkpoint) -> None:
    held = sum(p.numel() for block in eps.blocks["unet"] for p in block.parameters())
    assert held > 0.8 * sum(p.numel() for p in eps.network.model.parameters())
