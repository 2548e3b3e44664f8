"""Attention to a reference against what it says: a key of weight w counts like w keys."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.denoiser.reference import ReferenceAttention
from backend.models.patches import PatchStack
from tests.models.denoiser.referring import Copies, Referring
from tests.tiny import tiny_unet

MADE = torch.Generator().manual_seed(3)
UNET = tiny_unet().eval()
X = torch.randn(4, 4, 8, 8, generator=MADE)  # two halves of two samples
REFERENCE = torch.randn(2, 4, 8, 8, generator=MADE)
TEXT = torch.randn(2, 7, UNET.config["cross_attention_dim"], generator=MADE)
TIME = 400


@torch.no_grad()
def call(x: torch.Tensor) -> torch.Tensor:
    text = TEXT.repeat_interleave(len(x) // 2, 0)
    return UNET(x, TIME, encoder_hidden_states=text).sample


@pytest.mark.parametrize(
    ("weight", "replaces", "copies"),
    [
        (1.0, False, Copies(1, 1)),
        (2.0, False, Copies(1, 2)),
        (0.5, False, Copies(2, 1)),
        (1.0, True, Copies(0, 1)),
        (0.5, True, Copies(1, 1)),
        (0.25, True, Copies(3, 1)),
    ],
)
def test_it_is_what_copies_of_the_keys_would_be(
    weight: float, replaces: bool, copies: Copies
) -> None:
    with Referring(UNET, copies) as oracle:
        oracle.keeps = True
        call(REFERENCE)
        oracle.keeps = False
        wanted = call(X)
    plain, kept = call(X), call(REFERENCE)
    control = ReferenceAttention(UNET, PatchStack(), weight, replaces=replaces)
    with control.installed():
        with control.during("kept"):
            torch.testing.assert_close(call(REFERENCE), kept)  # seen by nothing but itself
        with control.during("seen"):
            made = call(X)
        assert torch.equal(call(X), plain)  # between the calls of two steps
    torch.testing.assert_close(made, wanted, rtol=1e-4, atol=1e-5)
    assert (made - plain).abs().max() > 1e-4
    assert torch.equal(call(X), plain)


def test_a_tiny_weight_is_nearly_the_plain_model() -> None:
    control = ReferenceAttention(UNET, PatchStack(), 1e-9, replaces=False)
    with control.installed():
        with control.during("kept"):
            call(REFERENCE)
        with control.during("seen"):
            made = call(X)
    torch.testing.assert_close(made, call(X), rtol=1e-4, atol=1e-5)


def test_what_is_kept_is_on_the_ledger_for_one_step() -> None:
    patches = PatchStack()
    control = ReferenceAttention(UNET, patches, 1.0, replaces=False)
    with control.installed():
        assert patches.holdings() == ()
        with control.during("kept"):
            call(REFERENCE)
        (held,) = patches.holdings()
        assert held.nbytes == control.kept_bytes > 0
        with control.during("seen"):
            assert control.needs.whole_batch
            call(X)
        assert control.kept_bytes == 0
        assert patches.holdings() == ()
    assert patches.holdings() == ()


def test_a_network_without_attention_is_refused() -> None:
    convolutions: Any = torch.nn.Conv2d(1, 1, 1)
    with pytest.raises(BadInput, match="reference_weight to 0"):
        ReferenceAttention(convolutions, PatchStack(), 1.0, replaces=False)
