"""A plan's rates, averages and weights, and the UNets it asks for."""

from dataclasses import replace

import pytest
import torch

from toyworld.diffusion import new_unet
from toyworld.plan import (
    BASE,
    LEVERS,
    Plan,
    decay_after,
    loss_weights,
    new_cell_unet,
    rate_after,
    shares_in,
    take_over,
)

SMALL = replace(BASE, channels=(32, 64), side=4)


def test_the_rate_is_constant_and_falls_at_the_end():
    plan = Plan(rate=1.0, floor=0.1, warmup_steps=10, decay_share=0.2, examples=1000)
    assert rate_after(plan, 100, 999) == rate_after(plan, 790, 999) == 1.0
    assert rate_after(plan, 100, 4) == pytest.approx(0.5)
    assert rate_after(plan, 100, 50) == 1.0
    assert 0.3 < rate_after(plan, 900, 999) < 0.8
    assert rate_after(plan, 1000, 999) == pytest.approx(0.1)


def test_the_average_is_ramped():
    kept = [decay_after(BASE, step) for step in (0, 10, 100, 2000, 50_000)]
    assert kept == sorted(kept)
    assert kept[0] < 0.2
    assert decay_after(BASE, 150) == pytest.approx(1 - 5 / 151)
    assert decay_after(BASE, 2000) == pytest.approx(1 - 5 / 2001)
    assert kept[-1] == BASE.average


def test_min_snr_caps_the_weight_of_nearly_clean_examples():
    signal = torch.tensor([0.01, 0.5, 0.99])
    assert torch.equal(loss_weights(BASE, signal), torch.ones(3))
    capped = loss_weights(replace(BASE, min_snr=5.0), signal)
    ratio = signal / (1 - signal)
    assert capped[:2] == pytest.approx((ratio / (ratio + 1))[:2])
    assert float(capped[2]) == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("name", LEVERS)
def test_every_lever_gives_a_unet_of_its_latents(name):
    plan = LEVERS[name]
    narrow = replace(plan, channels=tuple(32 for _ in plan.channels), side=16)
    unet = new_cell_unet(narrow, 32)
    x = torch.zeros(1, plan.latent_channels, 16, 16)
    made = unet(x, torch.tensor([5]), encoder_hidden_states=torch.zeros(1, 7, 32)).sample
    assert made.shape == x.shape


def test_attention_at_the_finest_level():
    plain = new_cell_unet(SMALL, 32)
    everywhere = new_cell_unet(replace(SMALL, attention_everywhere=True), 32)
    assert not hasattr(plain.down_blocks[0], "attentions")
    assert len(everywhere.down_blocks[0].attentions) == 1


def test_a_unet_takes_over_all_but_its_ends():
    torch.manual_seed(0)
    old = new_unet((32, 64), context_width=32)
    new = new_cell_unet(SMALL, 32)
    ends = new.conv_in.weight.clone()
    copied = take_over(new, old)
    assert torch.equal(new.conv_in.weight, ends)
    assert torch.equal(new.mid_block.resnets[0].conv1.weight, old.mid_block.resnets[0].conv1.weight)
    own = sum(p.numel() for p in (new.conv_in.weight, new.conv_out.weight, new.conv_out.bias))
    assert copied == sum(p.numel() for p in new.parameters()) - own


def test_subjects_are_drawn_more_often_from_a_chunk_on():
    assert shares_in(BASE, 7) == {}
    plan = replace(BASE, oftener=("fish", "cat"), oftener_by=3.0, oftener_from=8)
    assert shares_in(plan, 7) == {}
    assert shares_in(plan, 8) == {"fish": 3.0, "cat": 3.0}
