"""Looking at words, against softmax weights worked out by hand."""

from __future__ import annotations

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.denoiser.word_attention import WordAttention
from backend.models.patches import PatchStack
from tests.tiny import tiny_unet

UNET = tiny_unet().eval()
X = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(3))
TEXT = torch.randn(
    2, 7, UNET.config["cross_attention_dim"], generator=torch.Generator().manual_seed(4)
)


@torch.no_grad()
def call() -> torch.Tensor:
    return UNET(X, 400, encoder_hidden_states=TEXT).sample


def test_it_changes_nothing_and_all_positions_have_all_looking() -> None:
    plain, before, patches = call(), dict(UNET.attn_processors), PatchStack()
    control = WordAttention(UNET, patches, [(0, 1, 2, 3, 4, 5, 6), (2,), (3, 4)])
    with control.installed():
        assert patches.needs(UNET).whole_batch
        assert torch.equal(call(), plain)
        maps = control.take(8, 12)
        with control.paused():
            assert not patches.needs(UNET).whole_batch
            call()
        assert control.take(8, 12).max() == 0
    assert maps.shape == (3, 8, 12)
    torch.testing.assert_close(maps[0], torch.ones(8, 12), rtol=1e-4, atol=1e-4)
    assert 0 < maps[1].mean() < maps[2].mean() < 1
    assert all(UNET.attn_processors[name] is own for name, own in before.items())


def test_a_model_without_cross_attention_has_no_maps() -> None:
    with pytest.raises(BadInput, match="not by cross-attention"):
        WordAttention(torch.nn.Linear(2, 2), PatchStack(), [])


def test_a_layer_of_no_level_is_a_mistake() -> None:
    control = WordAttention(UNET, PatchStack(), [(0,)])
    control.look(torch.ones(1, 5, 2))
    with pytest.raises(ValueError, match="5 places"):
        control.take(8, 12)
