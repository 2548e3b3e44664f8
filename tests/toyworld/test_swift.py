"""The quicker ways compute what the usual ones do."""

import copy
from dataclasses import replace

import pytest
import torch

from toyworld.plan import BASE, new_cell_unet
from toyworld.swift import PlainAttention, hasten, laid_out_like

SMALL = replace(BASE, channels=(32, 64), side=8)


def _pass(unet: torch.nn.Module) -> torch.Tensor:
    x = torch.randn((2, 16, 8, 8), generator=torch.Generator().manual_seed(1))
    context = torch.randn((2, 7, 32), generator=torch.Generator().manual_seed(2))
    return unet(x, torch.tensor([5, 900]), encoder_hidden_states=context).sample


def test_pictures_and_gradients_stay():
    torch.manual_seed(0)
    unet = new_cell_unet(SMALL, 32).to(memory_format=torch.channels_last)
    usual = _pass(unet)
    usual.square().mean().backward()
    gradients = [w.grad.clone() for w in unet.parameters()]
    unet.zero_grad()
    quick = _pass(hasten(unet))
    quick.square().mean().backward()
    assert torch.allclose(quick, usual, atol=1e-5)
    for weight, wanted in zip(unet.parameters(), gradients, strict=True):
        assert torch.allclose(weight.grad, wanted, atol=1e-5)
    assert all(w.is_contiguous() for w in unet.parameters())


def test_a_mask_is_refused():
    unet = hasten(new_cell_unet(SMALL, 32))
    attn = unet.mid_block.attentions[0].transformer_blocks[0].attn1
    with pytest.raises(ValueError, match="no masks"):
        PlainAttention()(attn, torch.zeros(1, 4, 64), attention_mask=torch.zeros(1, 4))


def test_an_optimisers_state_of_another_layout_goes_on_as_it_was():
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(4, 6, 3)
    twin = torch.nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
    twin.load_state_dict(layer.state_dict())
    pairs = [(m, torch.optim.AdamW(m.parameters(), lr=0.1, fused=True)) for m in (layer, twin)]
    picture = torch.randn(2, 4, 8, 8)

    def step(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        model(picture).square().mean().backward()
        optimizer.step()

    for pair in pairs:
        step(*pair)
    (_, own), (_, other) = pairs
    own.load_state_dict(copy.deepcopy(other.state_dict()))
    laid_out_like(own.state)
    for pair in pairs:
        step(*pair)
    assert torch.allclose(layer.weight, twin.weight, atol=1e-6)
