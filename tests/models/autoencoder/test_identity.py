"""The codec of pixel models changes nothing."""

from __future__ import annotations

import numpy as np
import torch

from backend.models.autoencoder.identity import IdentityCodec
from backend.models.parts import Codec


def test_every_byte_survives() -> None:
    codec: Codec = IdentityCodec()
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    mean, std = codec.encode(every)
    assert np.array_equal(codec.decode(mean), every)
    assert torch.equal(std, torch.zeros(1, 3, 16, 16))
    assert torch.equal(codec.pixels(mean), mean)
    assert (codec.factor, codec.latent_channels, dict(codec.modules)) == (1, 3, {})


def test_what_is_hidden_becomes_the_grey_in_the_middle() -> None:
    picture = np.full((1, 2, 2, 3), 200, np.uint8)
    hidden = np.array([[[True, False], [False, False]]])
    mean, _ = IdentityCodec().encode(picture, hidden=hidden)
    assert torch.equal(mean[0, :, 0, 0], torch.zeros(3))
    assert bool((mean[0, :, 1] != 0).all())


def test_it_can_be_stopped() -> None:
    calls: list[int] = []
    codec = IdentityCodec()
    codec.decode(torch.zeros(1, 3, 2, 2), lambda: calls.append(1))
    codec.encode(np.zeros((1, 2, 2, 3), np.uint8), lambda: calls.append(2))
    assert calls == [1, 2]
