"""The network of models of pixels: rows, classes and what it sees beside x."""

from __future__ import annotations

import pytest
import torch

from backend.models.denoiser.pixel_unet import PixelUnet
from backend.models.text.no_prompt import NoPrompt
from backend.sampling.types import Level
from tests.tiny_pixels import tiny_unet_2d

X = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
LEVEL = Level.like(X, 1.5, 400.0)


def network(**options: int) -> PixelUnet:
    torch.manual_seed(0)
    return PixelUnet(tiny_unet_2d(**options).requires_grad_(False), "epsilon")


def test_it_is_the_unet_at_the_input_of_unit_variance() -> None:
    made = network()
    x0 = made.denoiser([NoPrompt().encode([""])])(X, LEVEL)
    scale = (1 + 1.5**2) ** -0.5
    eps = made.model(X * scale, 400).sample
    torch.testing.assert_close(x0, X - 1.5 * eps)


def test_rows_do_not_touch_each_other() -> None:
    denoise = network().denoiser([])
    together = denoise(X, LEVEL)
    alone = denoise(X[1:2], LEVEL.rows(torch.tensor([1])))
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-5)


def test_a_class_for_all_or_for_each_and_the_first_where_none_is_told() -> None:
    made = network(classes=3)
    each = made.denoiser([], labels=torch.tensor([0, 1, 2]))(X, LEVEL)
    second = made.denoiser([], labels=torch.tensor([1]))(X, LEVEL)
    assert torch.equal(each[1], second[1])
    assert not torch.allclose(each[0], second[0])
    assert torch.equal(made.denoiser([])(X, LEVEL)[0], each[0])


def test_a_picture_beside_x() -> None:
    made = network(channels=6, out=3)
    beside = torch.rand(1, 3, 16, 16)
    shown = made.denoiser([], channels=beside)(X, LEVEL)
    other = made.denoiser([], channels=-beside)(X, LEVEL)
    assert shown.shape == X.shape
    assert not torch.allclose(shown, other)


def test_the_check_stops_it() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network().denoiser([], check=stop)(X, LEVEL)
