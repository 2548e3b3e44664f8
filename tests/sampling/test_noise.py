"""Noise of a seed: diffusers' draws, whatever the batch."""

from __future__ import annotations

import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor

from backend.sampling.noise import SeededNoise, VariationNoise, slerp

SHAPE = (4, 8, 6)


def test_draws_are_those_of_a_list_of_generators():
    source = SeededNoise([11, 2**32 - 1, 0], SHAPE)
    generators = [torch.Generator().manual_seed(seed) for seed in (11, 2**32 - 1, 0)]
    for draws in (1, 2, 3):
        expected = randn_tensor((3, *SHAPE), generators, torch.device("cpu"), torch.float32)
        assert torch.equal(source.draw(), expected)
        assert source.draws == draws


def test_an_image_has_its_own_noise_in_any_batch():
    batch = SeededNoise([3, 4], SHAPE)
    alone = SeededNoise([4], SHAPE)
    for _ in range(3):
        assert torch.equal(batch.draw()[1:], alone.draw())


def test_other_dtypes_are_converted_from_the_same_draws():
    single, double = SeededNoise([3], SHAPE), SeededNoise([3], SHAPE, dtype=torch.float64)
    assert torch.equal(single.draw().double(), double.draw())


def test_skip_to_goes_forwards_and_back():
    source = SeededNoise([3, 4], SHAPE)
    draws = [source.draw() for _ in range(5)]
    for position in (4, 1, 0, 3):
        source.skip_to(position)
        assert source.draws == position
        assert torch.equal(source.draw(), draws[position])


def test_a_draw_may_have_another_shape_and_is_skipped_as_it_is():
    source = SeededNoise([3, 4], SHAPE, others={0: (3, 5, 5)})
    draws = [source.draw() for _ in range(3)]
    assert [tuple(draw.shape) for draw in draws] == [(2, 3, 5, 5), (2, *SHAPE), (2, *SHAPE)]
    generator = torch.Generator().manual_seed(4)
    assert torch.equal(draws[0][1:], torch.randn(1, 3, 5, 5, generator=generator))
    assert torch.equal(draws[1][1:], torch.randn(1, *SHAPE, generator=generator))
    for position in (2, 0, 1):
        source.skip_to(position)
        assert torch.equal(source.draw(), draws[position])


@pytest.mark.parametrize("dims", [(-3, -2, -1), (-2,)])
def test_slerp_keeps_the_ends_and_the_norm(dims):
    a, b = (SeededNoise([seed, seed + 9], SHAPE, dtype=torch.float64).draw() for seed in (1, 2))
    assert torch.equal(slerp(a, b, 0.0, dims), a)
    torch.testing.assert_close(slerp(a, b, 1.0, dims), b, rtol=1e-12, atol=1e-12)
    a, b = (v / v.square().sum(dim=dims, keepdim=True).sqrt() for v in (a, b))
    middle = slerp(a, b, 0.5, dims)
    norm = middle.square().sum(dim=dims)
    torch.testing.assert_close(norm, torch.ones_like(norm))
    torch.testing.assert_close(slerp(a, middle, 0.5, dims), slerp(a, b, 0.25, dims))


def test_slerp_of_parallel_vectors_is_linear_and_finite():
    a = torch.ones(1, *SHAPE)
    torch.testing.assert_close(slerp(a, 3 * a, 0.25), 1.5 * a)
    assert torch.equal(slerp(a, a, 0.7), a)
    mixed = torch.stack([a[0], -a[0] + 0.1 * torch.arange(6.0)])
    assert slerp(torch.cat([a, a]), mixed, 0.3).isfinite().all()


def test_slerp_takes_a_weight_for_each_image():
    a, b = SeededNoise([1, 2], SHAPE).draw(), SeededNoise([3, 4], SHAPE).draw()
    both = slerp(a, b, torch.tensor([0.2, 0.9]).reshape(2, 1, 1, 1))
    torch.testing.assert_close(both[:1], slerp(a[:1], b[:1], 0.2))
    torch.testing.assert_close(both[1:], slerp(a[1:], b[1:], 0.9))


def variation(strength: float) -> VariationNoise:
    return VariationNoise(SeededNoise([1], SHAPE), SeededNoise([2], SHAPE), strength)


def test_variation_leans_the_first_noise_only():
    own, other = SeededNoise([1], SHAPE), SeededNoise([2], SHAPE)
    first, second, aim = own.draw(), own.draw(), other.draw()
    assert torch.equal(variation(0.0).draw(), first)
    torch.testing.assert_close(variation(1.0).draw(), aim)
    source = variation(0.4)
    # The angle of each column: A1111 takes it along the height.
    norms = first.norm(dim=2, keepdim=True) * aim.norm(dim=2, keepdim=True)
    angle = ((first * aim).sum(dim=2, keepdim=True) / norms).acos()
    expected = ((0.6 * angle).sin() * first + (0.4 * angle).sin() * aim) / angle.sin()
    torch.testing.assert_close(source.draw(), expected)
    assert torch.equal(source.draw(), second)


def test_variation_can_be_rewound():
    source = variation(0.4)
    draws = [source.draw() for _ in range(3)]
    for position in (2, 0, 1):
        source.skip_to(position)
        assert source.draws == position
        assert torch.equal(source.draw(), draws[position])


def test_a_seed_of_64_bits_draws_as_its_lower_32() -> None:
    large = SeededNoise([2**50 + 11, 2**64 - 1], SHAPE).draw()
    assert torch.equal(large, SeededNoise([11, 2**32 - 1], SHAPE).draw())
