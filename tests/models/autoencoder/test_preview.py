from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from backend.models.autoencoder.preview import (
    FIT_SIDE,
    SD1_LATENT_RGB,
    fit_latent_rgb,
    latent_rgb_for,
    make_previewer,
    smooth_latents,
)
from backend.models.autoencoder.uint8 import to_uint8
from backend.models.autoencoder.vae import Vae
from backend.models.checkpoint import Checkpoint


def picture_like(latents: torch.Tensor) -> torch.Tensor:
    """A decoder of a trained one's kind: linear in the large, saturating, with fine texture."""
    weight, bias = torch.tensor(SD1_LATENT_RGB), torch.tensor([0.1, -0.05, 0.02])
    small = torch.einsum("bchw,cr->brhw", latents, weight) + bias[:, None, None]
    large = small.repeat_interleave(8, 2).repeat_interleave(8, 3)
    texture = torch.sin(torch.arange(large.shape[-1]) * 2.4)
    return torch.tanh(1.5 * large) + 0.1 * texture


def test_fast_preview_follows_the_true_decode(
    eps: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = Vae(eps.codec.model)
    monkeypatch.setattr(vae, "_pixels_with", lambda _, latents: picture_like(latents))
    previewer = make_previewer("fast", fit_latent_rgb(vae), vae, None)
    latents = smooth_latents(4, seed=99)  # fields that the fit has not seen
    preview = previewer(latents)
    assert preview is not None
    assert preview.shape == (*latents.shape[:1], *latents.shape[2:], 3)
    assert preview.dtype == np.uint8
    true = vae.decode(latents).reshape(len(latents), FIT_SIDE, 8, FIT_SIDE, 8, 3).mean((2, 4))
    assert np.abs(preview - true).mean() < 8
    assert np.corrcoef(preview.ravel(), true.ravel())[0, 1] > 0.99


def test_fit_recovers_a_linear_decoder(eps: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    vae = Vae(eps.codec.model)
    weight, bias = 0.5 * torch.tensor(SD1_LATENT_RGB), torch.tensor([0.1, -0.05, 0.02])

    def linear(latents: torch.Tensor) -> torch.Tensor:
        small = torch.einsum("bchw,cr->brhw", latents, weight) + bias[:, None, None]
        return small.repeat_interleave(8, 2).repeat_interleave(8, 3)

    monkeypatch.setattr(vae, "pixels", linear)
    fitted = fit_latent_rgb(vae)
    assert torch.allclose(fitted.weight, weight, atol=1e-3)
    assert torch.allclose(fitted.bias, bias, atol=1e-3)


def test_a_checkpoint_comes_fitted_to_its_own_autoencoder(eps: Checkpoint, v: Checkpoint) -> None:
    assert torch.equal(eps.latent_rgb.weight, fit_latent_rgb(eps.codec).weight)
    assert not torch.allclose(eps.latent_rgb.weight, v.latent_rgb.weight, atol=0.05)


def test_fit_is_fast_and_repeatable(eps: Checkpoint) -> None:
    begin = time.thread_time()  # other tests' engines may still be ending in other threads
    first = fit_latent_rgb(eps.codec)
    assert time.thread_time() - begin < 2
    assert torch.equal(first.weight, fit_latent_rgb(eps.codec).weight)


def test_stable_diffusions_own_autoencoder_has_its_table() -> None:
    with torch.device("meta"):
        model = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        )
    assert torch.equal(latent_rgb_for(Vae(model)).weight, torch.tensor(SD1_LATENT_RGB))


def test_off_and_full(eps: Checkpoint) -> None:
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert eps.previewer("off")(latents) is None
    full = eps.previewer("full")(latents)
    assert full is not None
    assert np.abs(full.astype(int) - eps.codec.decode(latents)).max() <= 1


def test_tiny_decodes_or_says_that_it_fell_back(eps: Checkpoint) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    without = make_previewer("tiny", eps.latent_rgb, eps.codec, None)
    assert without.kind == "fast"
    assert "tiny decoder" in without.note
    decoder = AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    ).eval()
    with_one = make_previewer("tiny", eps.latent_rgb, eps.codec, decoder)
    assert (with_one.kind, with_one.note) == ("tiny", "")
    preview = with_one(latents)
    assert preview is not None
    with torch.no_grad():
        assert np.array_equal(preview, to_uint8(decoder.decode(latents).sample))
