"""Self-attention that looks at two ends: between them by position, kept from step to step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from backend.contracts.errors import BadInput
from backend.models.denoiser.attention import Blend, EndAttention
from backend.models.patches import PatchStack
from tests.tiny import tiny_unet

AT = torch.tensor([0.0, 1.0, 0.25])


@pytest.fixture
def control() -> EndAttention:
    return EndAttention(tiny_unet().eval().requires_grad_(False), PatchStack())


def parts(rows: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    k, v = (torch.randn(rows, 5, 8, generator=generator) for _ in range(2))
    return k, v


def test_a_row_sees_the_line_between_the_ends_at_its_position(control: EndAttention) -> None:
    k, v = parts(3)
    control.blend = Blend(AT, (0, 1), fused=False)
    seen_k, seen_v = control.seen("a", k, v)
    for seen, own in ((seen_k, k), (seen_v, v)):
        assert torch.equal(seen[0], own[0])
        assert torch.equal(seen[1], own[1])
        torch.testing.assert_close(seen[2], 0.75 * own[0] + 0.25 * own[1])


def test_fused_its_own_keys_stay_beside_the_line(control: EndAttention) -> None:
    k, v = parts(3)
    control.blend = Blend(AT, (0, 1), fused=True)
    seen_k, _ = control.seen("a", k, v)
    assert seen_k.shape == (3, 10, 8)
    assert torch.equal(seen_k[:, :5], k)
    torch.testing.assert_close(seen_k[2, 5:], 0.75 * k[0] + 0.25 * k[1])


def test_the_halves_of_a_guided_batch_look_at_their_own_ends(control: EndAttention) -> None:
    k, v = parts(6)
    control.blend = Blend(AT, (0, 1), fused=False)
    seen_k, _ = control.seen("a", k, v)
    torch.testing.assert_close(seen_k[2], 0.75 * k[0] + 0.25 * k[1])
    torch.testing.assert_close(seen_k[5], 0.75 * k[3] + 0.25 * k[4])


def test_a_later_call_of_the_step_looks_back_at_the_ends(control: EndAttention) -> None:
    k, v = parts(3)
    control.blend = Blend(AT, (0, 1), fused=False)
    control.seen("a", k, v)
    later_k, later_v = parts(1, seed=1)
    control.blend = Blend(torch.tensor([0.5]), None, fused=False)
    seen_k, _ = control.seen("a", later_k, later_v)
    torch.testing.assert_close(seen_k[0], 0.5 * k[0] + 0.5 * k[1])


def test_features_are_kept_in_half_precision_and_recalled(control: EndAttention) -> None:
    k, v = parts(3)
    control.blend = Blend(AT, (0, 1), fused=False)
    control.seen("a", k, v)
    control.keep(4)
    control.forget_step()
    assert control.has(4)
    assert not control.has(5)
    assert control.kept_bytes == 4 * 5 * 8 * 2
    (held,) = control.holdings()
    assert (held.nbytes, held.place) == (control.kept_bytes, "cpu")
    control.recall(4)
    control.blend = Blend(torch.tensor([1.0]), None, fused=False)
    seen_k, _ = control.seen("a", *parts(1, seed=1))
    torch.testing.assert_close(seen_k[0], k[1], rtol=1e-3, atol=1e-3)


def test_where_the_bound_is_passed_nothing_is_kept_any_more() -> None:
    unet = tiny_unet().eval().requires_grad_(False)
    control = EndAttention(unet, PatchStack(), kept_bytes=4 * 5 * 8 * 2)
    control.blend = Blend(AT, (0, 1), fused=False)
    for step in range(3):
        control.seen("a", *parts(3))
        control.keep(step)
    assert not any(control.has(step) for step in range(3))  # a part of the steps is of no use
    assert (control.kept_bytes, control.holdings()) == (0, ())


def test_a_model_without_self_attention_is_told() -> None:
    with pytest.raises(BadInput, match="use the method 'walk'") as told:
        EndAttention(nn.Module(), PatchStack())  # type: ignore[arg-type]
    assert told.value.field == "method"
