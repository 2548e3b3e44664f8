from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers.image_processor import VaeImageProcessor

from backend.contracts.errors import BadInput, NumericalProblem
from backend.models.autoencoder.vae import Vae
from backend.models.checkpoint import Checkpoint


def draw_pictures(count: int, side_px: int) -> np.ndarray:
    """(count, side_px, side_px, 3) uint8: a colour ramp each."""
    ramp = np.linspace(0, 255, side_px)
    corners = np.stack(np.broadcast_arrays(ramp[:, None], ramp, 255 - ramp), -1)
    return np.stack([np.roll(corners, turn, -1) for turn in range(count)]).astype(np.uint8)


def latents(batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, 4, 8, 6, generator=torch.Generator().manual_seed(2))


def test_decode_equals_diffusers(eps: Checkpoint) -> None:
    with torch.no_grad():
        image = eps.codec.model.decode(latents() / 0.18215).sample
    reference = VaeImageProcessor(vae_scale_factor=8).postprocess(image, output_type="pil")
    ours = eps.codec.decode(latents())
    assert ours.shape == (3, 64, 48, 3)
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - np.stack(reference)).max() <= 1
    assert ours.std() > 20


def test_the_result_does_not_depend_on_the_batch(eps: Checkpoint) -> None:
    together = eps.codec.decode(latents())
    for row in range(3):
        assert np.array_equal(eps.codec.decode(latents()[row : row + 1])[0], together[row])


def test_check_runs_before_each_picture(eps: Checkpoint) -> None:
    calls: list[None] = []
    eps.codec.decode(latents(), check=lambda: calls.append(None))
    assert len(calls) == 3


def test_shift_factor_is_added_before_decoding(
    eps: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    shifted = Vae(eps.codec.model)
    shifted.shift_factor = 0.5
    expected = eps.codec.decode(latents() + 0.5 * eps.codec.scaling_factor)
    difference = np.abs(shifted.decode(latents()).astype(int) - expected)
    assert difference.max() <= 1
    pictures = draw_pictures(1, 64)
    mean, std = eps.codec.encode(pictures)
    moved, same = shifted.encode(pictures)
    assert torch.allclose(moved, mean - 0.5 * eps.codec.scaling_factor, atol=1e-6)
    assert torch.equal(same, std)


def test_encode_is_the_posterior_of_diffusers_in_latent_scale(eps: Checkpoint) -> None:
    pictures = draw_pictures(2, 64)
    mean, std = eps.codec.encode(pictures)
    x = VaeImageProcessor(vae_scale_factor=8).preprocess(pictures / np.float32(255.0))
    with torch.no_grad():
        posterior = eps.codec.model.encode(x).latent_dist
    assert mean.shape == std.shape == (2, 4, 8, 8)
    assert torch.allclose(mean, posterior.mean * 0.18215, atol=1e-5)
    assert torch.allclose(std, posterior.std * 0.18215, atol=1e-5)
    again, _ = eps.codec.encode(pictures)
    assert torch.equal(mean, again)


def test_encode_refuses_sides_off_the_grid(eps: Checkpoint) -> None:
    with pytest.raises(BadInput, match="60x64 px"):
        eps.codec.encode(np.zeros((1, 64, 60, 3), np.uint8))


def test_pixels_is_differentiable(eps: Checkpoint) -> None:
    z = latents(1).requires_grad_()
    eps.codec.pixels(z).mean().backward()
    assert z.grad is not None
    assert z.grad.abs().sum() > 0


def test_nan_is_an_error_and_not_a_black_picture(eps: Checkpoint) -> None:
    bad = latents(1)
    bad[0, 0, 0, 0] = torch.nan
    with pytest.raises(NumericalProblem):
        eps.codec.decode(bad)


def test_overflow_in_half_precision_is_decoded_again_in_float32(
    eps: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    import copy

    half = Vae(copy.deepcopy(eps.codec.model).to(torch.bfloat16))
    state = {name: tensor.clone() for name, tensor in half.model.state_dict().items()}
    honest = half._pixels_with

    def overflowing(model: torch.nn.Module, z: torch.Tensor) -> torch.Tensor:
        image = honest(model, z)
        return image * torch.inf if next(model.parameters()).dtype == torch.bfloat16 else image

    monkeypatch.setattr(half, "_pixels_with", overflowing)
    retried = half.decode(latents(1))
    difference = np.abs(retried.astype(int) - eps.codec.decode(latents(1)))
    assert np.median(difference) <= 2
    for name, tensor in half.model.state_dict().items():
        assert torch.equal(tensor, state[name])
