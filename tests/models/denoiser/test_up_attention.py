"""The patch of the up blocks' self-attention that morphs and clips share."""

from __future__ import annotations

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.denoiser.up_attention import UpAttention
from backend.models.patches import PatchStack
from tests.tiny import tiny_unet


class Chosen(UpAttention[float]):
    """Looks at its own keys and values, times a factor; None leaves all as it is."""

    def __init__(self, model: torch.nn.Module, patches: PatchStack) -> None:
        super().__init__(model, patches, BadInput("No self-attention here."))  # pyright: ignore
        self.names: list[str] = []

    def seen(
        self, name: str, k: torch.Tensor, v: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        assert self.blend is not None
        self.names.append(name)
        return k, self.blend * v


def test_it_acts_only_where_it_is_asked_to_and_leaves_no_trace() -> None:
    unet, patches = tiny_unet().eval(), PatchStack()
    made = torch.Generator().manual_seed(1)
    x = torch.randn(2, 4, 8, 8, generator=made)
    text = torch.randn(2, 7, unet.config["cross_attention_dim"], generator=made)
    before = dict(unet.attn_processors)

    def call() -> torch.Tensor:
        with torch.no_grad():
            return unet(x, 500, encoder_hidden_states=text).sample

    plain = call()
    control = Chosen(unet, patches)
    with control.installed():
        assert control.needs.eager
        assert not control.needs.whole_batch
        assert torch.equal(call(), plain)
        control.blend = 1.0
        assert control.needs.whole_batch
        torch.testing.assert_close(call(), plain)
        assert control.names
        assert all(name.startswith("up_blocks.") for name in control.names)
        control.blend = 3.0
        assert (call() - plain).abs().max() > 1e-4
        with control.paused():  # another job runs
            assert not control.needs.whole_batch
            assert torch.equal(call(), plain)
        assert (call() - plain).abs().max() > 1e-4
    assert all(unet.attn_processors[name] is own for name, own in before.items())
    assert torch.equal(call(), plain)


def test_a_model_without_such_layers_is_refused_by_the_sentence_given() -> None:
    with pytest.raises(BadInput, match=r"No self-attention here\."):
        Chosen(torch.nn.Linear(2, 2), PatchStack())
