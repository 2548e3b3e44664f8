"""The autoencoder with a codebook: diffusers' numbers, one picture at a time, tiles in need."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.autoencoder.uint8 import to_uint8
from backend.models.autoencoder.vq import Vq
from tests.tiny_pixels import tiny_vq


@pytest.fixture(scope="module")
def vq() -> Vq:
    torch.manual_seed(2)
    return Vq(tiny_vq())


def test_decoding_is_the_models_own(vq: Vq) -> None:
    latents = torch.randn(2, 3, 8, 6)
    with torch.no_grad():
        theirs = vq.model.decode(latents / 0.18215).sample  # type: ignore[union-attr]
    assert (vq.decode(latents) == to_uint8(theirs)).all()
    seen: list[int] = []
    vq.decode(latents, lambda: seen.append(1))
    assert len(seen) == 2


def test_encoding_is_in_the_scale_of_the_unet_and_sure_of_itself(vq: Vq) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (2, 16, 24, 3), dtype=np.uint8)
    mean, std = vq.encode(pictures)
    assert mean.shape == (2, 3, 4, 6)
    assert not std.any()
    assert torch.equal(mean[1:], vq.encode(pictures[1:])[0])
    with pytest.raises(BadInput, match="multiples of 4"):
        vq.encode(pictures[:, :15])


def test_tiles_cover_the_whole_picture(vq: Vq) -> None:
    latents = torch.randn(1, 3, 48, 40)
    with torch.no_grad():
        whole, parts = vq.pixels(latents), vq._in_tiles(latents, 128)
    assert parts.shape == whole.shape
    # Attention and group norm see a tile alone: near, not equal.
    assert (parts - whole).abs().mean() < 0.5 * whole.std()
