"""One layer under a mix: the formula, exact restore, and convolutions that take no path."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from backend.models.lora.file import LowRank
from backend.models.lora.layers import PatchedLayer, PerSample, Term


def linear(dtype: torch.dtype = torch.float32) -> nn.Linear:
    layer = nn.Linear(5, 3)
    generator = torch.Generator().manual_seed(1)
    layer.weight.data = torch.randn(3, 5, generator=generator).to(dtype)
    layer.bias.data = torch.randn(3, generator=generator).to(dtype)
    return layer.requires_grad_(False)


def convolution(**options: Any) -> nn.Conv2d:
    layer = nn.Conv2d(4, 6, 3, padding=1, **options)
    layer.weight.data = torch.randn(layer.weight.shape, generator=torch.Generator().manual_seed(2))
    return layer.requires_grad_(False)


def delta(layer: nn.Linear | nn.Conv2d, rank: int, seed: int, scale: float = 0.5) -> LowRank:
    generator = torch.Generator().manual_seed(seed)
    tail = (1,) * (layer.weight.ndim - 2)
    down = torch.randn(rank, *layer.weight.shape[1:], generator=generator)
    return LowRank(down, torch.randn(len(layer.weight), rank, *tail, generator=generator), scale)


def added(low: LowRank, weight: float) -> torch.Tensor:
    """What it adds to the weight, flat: s (alpha / r) B A."""
    return weight * low.scale * (low.B.flatten(1) @ low.A.flatten(1))


def test_a_term_holds_the_scale_in_its_up_factor() -> None:
    layer = convolution()
    low = delta(layer, 2, 3)
    term = PatchedLayer("x", layer).term(low)
    assert term.down.shape == (2, 36)
    assert torch.equal(term.up, low.B.flatten(1) * 0.5)


@pytest.mark.parametrize("layer", [linear(), convolution()], ids=["linear", "convolution"])
def test_merging_writes_the_sum_and_restoring_takes_it_back(layer: nn.Linear | nn.Conv2d) -> None:
    before = layer.weight.clone()
    patched = PatchedLayer("x", layer)
    one, other = delta(layer, 2, 3), delta(layer, 3, 4)
    terms = [patched.term(one), patched.term(other)]
    assert patched.merge(terms, [0.7, -1.5]) is None  # float32 rounds nothing away
    wanted = before.flatten(1) + added(one, 0.7) + added(other, -1.5)
    torch.testing.assert_close(layer.weight.flatten(1), wanted)
    patched.merge(terms[:1], [1.0])  # from the kept weight, not from the last mix
    torch.testing.assert_close(layer.weight.flatten(1), before.flatten(1) + added(one, 1.0))
    patched.restore()
    assert torch.equal(layer.weight, before)


def test_half_precision_tells_how_far_the_scale_is_off() -> None:
    layer = linear(torch.bfloat16)
    patched = PatchedLayer("x", layer)
    terms = [patched.term(delta(layer, 2, 3))]
    strong, weak = (patched.merge(terms, [weight]) for weight in (1.0, 1e-4))
    assert strong is not None
    assert weak is not None
    assert float(strong) < 0.05 < float(weak)  # the weak one is lost in the rounding
    nothing = patched.merge([Term(torch.zeros(1, 5), torch.zeros(3, 1))], [1.0])
    assert float(nothing if nothing is not None else torch.nan) == 0.0


@pytest.mark.parametrize(
    "layer",
    [
        linear(),
        convolution(),
        convolution(stride=2),
        convolution(dilation=2),
        convolution(bias=False),
    ],
    ids=["linear", "convolution", "stride", "dilation", "no bias"],
)
def test_the_path_beside_gives_what_the_merged_weight_gives(layer: nn.Linear | nn.Conv2d) -> None:
    patched = PatchedLayer("x", layer)
    terms = [patched.term(delta(layer, 2, 3)), patched.term(delta(layer, 3, 4))]
    shape = (2, 7, 5) if isinstance(layer, nn.Linear) else (2, 4, 8, 9)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    before, plain = layer.weight.clone(), layer(x)
    patched.merge(terms, [0.7, 0.2])
    merged = layer(x)
    patched.go_beside(terms, [0.7, 0.2])
    assert torch.equal(layer.weight, before)
    torch.testing.assert_close(layer(x), merged, rtol=1e-4, atol=1e-4)
    patched.restore()
    assert "forward" not in vars(layer)
    assert torch.equal(layer(x), plain)


def test_each_sample_has_its_own_scales_also_where_a_guided_batch_holds_them_twice() -> None:
    layer = linear()
    patched = PatchedLayer("x", layer)
    low = delta(layer, 2, 3)
    terms = [patched.term(low)]
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(5))
    patched.go_beside(terms, [1.0], PerSample(torch.tensor([[0.0], [2.0]])))
    plain = F.linear(x, layer.weight, layer.bias)
    change = F.linear(x, added(low, 1.0))
    wanted = plain + change * torch.tensor([[0.0], [2.0], [0.0], [2.0]])
    torch.testing.assert_close(layer(x), wanted)
    patched.rescale(PerSample(torch.tensor([[1.0], [0.0]])))
    wanted = plain + change * torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    torch.testing.assert_close(layer(x), wanted)
    with pytest.raises(ValueError, match="a batch of 3 does not hold 2 samples evenly"):
        layer(x[:3])
    patched.restore()


def test_what_is_kept_is_counted() -> None:
    layer = linear()
    patched = PatchedLayer("x", layer)
    assert patched.kept == {"cpu": layer.weight.nbytes}
    patched.go_beside([patched.term(delta(layer, 2, 3))], [1.0])
    assert patched.kept["cpu"] > 2 * layer.weight.nbytes
    patched.restore()
    assert patched.kept == {"cpu": layer.weight.nbytes}


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 2),
        nn.Conv2d(4, 4, 3, padding=2),
    ],
    ids=["groups", "circular", "same", "even", "wide"],
)
def test_a_convolution_that_has_no_exact_path_is_refused(layer: nn.Conv2d) -> None:
    with pytest.raises(ValueError, match=r"'mid\.conv' is a kind of convolution"):
        PatchedLayer("mid.conv", layer)
