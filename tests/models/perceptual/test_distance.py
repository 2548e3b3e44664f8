"""How different two pictures look, by the autoencoder's own features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.models.autoencoder.vae import Vae
from backend.models.perceptual.distance import EncoderMetric, distance
from tests.tiny import tiny_vae
from tests.tiny_control import house

A = house(64, 64)


@pytest.fixture(scope="module")
def metric() -> EncoderMetric:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = tiny_vae().eval().requires_grad_(False)
    return EncoderMetric(Vae(model))


def test_it_is_the_mean_of_means_of_squared_differences() -> None:
    a = (torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), torch.zeros(2, 1, 1))
    b = (torch.tensor([[[1.0, 1.0]], [[0.0, 0.0]]]), torch.tensor([[[3.0]], [[4.0]]]))
    assert distance(a, b) == pytest.approx(((0 + 2) / 2 + 25) / 2)
    assert distance(a, a) == 0.0
    assert distance(b, a) == distance(a, b)


def test_looks_of_different_depth_are_not_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        distance((torch.zeros(1, 1, 1),), ())


def test_a_look_has_unit_features_at_each_position_of_each_level(metric: EncoderMetric) -> None:
    look = metric.look(A)
    assert len(look) == 4
    assert look[0].shape[1:] == (32, 32)  # averaged down to what is kept
    assert look[-1].shape[1:] == (8, 8)
    for level in look:
        norms = level.square().sum(dim=0)
        assert torch.allclose(norms, torch.ones_like(norms), atol=1e-4)


def test_long_pictures_keep_their_short_side(metric: EncoderMetric) -> None:
    assert metric.look(np.zeros((16, 128, 3), np.uint8))[0].shape[1:] == (8, 32)


def test_the_nearer_picture_is_nearer(metric: EncoderMetric) -> None:
    near = np.clip(A.astype(int) + 8, 0, 255).astype(np.uint8)
    far = np.ascontiguousarray(255 - A[::-1])
    to_near = distance(metric.look(A), metric.look(near))
    to_far = distance(metric.look(A), metric.look(far))
    assert distance(metric.look(A), metric.look(A.copy())) == 0.0
    assert 0 < to_near < to_far / 2


def test_nothing_stays_hooked_even_when_it_fails(
    metric: EncoderMetric, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = metric._codec.model.encoder.down_blocks
    metric.look(A)
    assert not any(block._forward_hooks for block in blocks)
    monkeypatch.setattr(Vae, "encode", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        metric.look(A)
    assert not any(block._forward_hooks for block in blocks)
