"""Cross-attention by places, against the network's own with one prompt at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.denoiser.region_attention import RegionAttention
from backend.models.patches import PatchStack
from tests.tiny import tiny_unet

MADE = torch.Generator().manual_seed(3)
UNET = tiny_unet().eval()
X = torch.randn(4, 4, 8, 12, generator=MADE)  # two conditionings of two samples
WIDTH = UNET.config["cross_attention_dim"]
ONE, OTHER = torch.randn(2, 1, 7, WIDTH, generator=MADE)
LEFT = torch.zeros(8, 12)
LEFT[:, :6] = 1.0


@torch.no_grad()
def call(text: torch.Tensor) -> torch.Tensor:
    return UNET(X, 400, encoder_hidden_states=text.expand(len(X), -1, -1)).sample


def test_where_all_places_read_one_prompt_it_is_the_network_with_that_prompt() -> None:
    plain, wanted = call(ONE), [call(ONE)[:2], call(OTHER)[2:]]
    patches = PatchStack()
    control = RegionAttention(UNET, patches)
    before = dict(UNET.attn_processors)
    shares = torch.zeros(2, 2, 8, 12)
    shares[0, 0], shares[1, 1] = 1.0, 1.0
    with control.installed():
        assert patches.needs(UNET).eager
        assert not patches.needs(UNET).whole_batch
        assert torch.equal(call(ONE), plain)
        with control.during(shares):
            assert patches.needs(UNET).whole_batch
            made = call(torch.cat([ONE, OTHER], dim=1))
        assert torch.equal(call(ONE), plain)
    torch.testing.assert_close(made, torch.cat(wanted), rtol=1e-4, atol=1e-5)
    assert patches.find(UNET, RegionAttention) is None
    assert all(UNET.attn_processors[name] is own for name, own in before.items())


def test_each_place_takes_what_its_own_prompt_says() -> None:
    """Of the same states of a layer the left half is one prompt's, the right the other's."""
    layer: Any = next(each for name, each in UNET.named_modules() if name.endswith(".attn2"))
    width = layer.to_q.in_features
    hidden = torch.randn(2, 96, width, generator=MADE)
    shares = torch.stack([LEFT, 1 - LEFT])[None]
    control = RegionAttention(UNET, PatchStack())
    with torch.no_grad(), control.installed():
        one, other = (layer(hidden, text.expand(2, -1, -1)) for text in (ONE, OTHER))
        with control.during(shares):
            both = layer(hidden, torch.cat([ONE, OTHER], dim=1).expand(2, -1, -1))
    inside = LEFT.flatten()[None, :, None].bool()
    torch.testing.assert_close(both, torch.where(inside, one, other), rtol=1e-4, atol=1e-5)


def test_shares_follow_the_levels_of_the_network() -> None:
    control = RegionAttention(UNET, PatchStack())
    assert control.shares(96) is None
    with control.during(torch.stack([LEFT, 1 - LEFT])[None]):
        small: Any = control.shares(24)
        assert small.shape == (1, 2, 24)
        torch.testing.assert_close(small.sum(dim=1), torch.ones(1, 24))
        assert float(small[0, 0, :3].min()) == 1.0
        with pytest.raises(ValueError, match="25 places"):
            control.shares(25)


def test_a_network_that_reads_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="region_by"):
        RegionAttention(torch.nn.Sequential(), PatchStack())  # type: ignore[arg-type]
