"""Flux.2's autoencoder in the scale of its transformer, as diffusers' pipeline has it."""

from __future__ import annotations

import pytest
import torch
from diffusers import Flux2KleinPipeline

from backend.models.autoencoder.packed_vae import PackedVae
from tests.flow_side import scene
from tests.tiny_flow import tiny_flux2_vae


@pytest.fixture(scope="module")
def vae() -> PackedVae:
    torch.manual_seed(0)
    return PackedVae(tiny_flux2_vae().requires_grad_(False))


def test_latents_are_the_pipelines(vae: PackedVae) -> None:
    picture = scene(24, 16)[None]
    mean, std = vae.encode(picture)
    x = torch.from_numpy(picture).permute(0, 3, 1, 2) / 127.5 - 1
    posterior = vae.model.encode(x).latent_dist
    bn = vae.model.bn
    scale = torch.sqrt(bn.running_var + bn.eps)[None, :, None, None]
    for ours, theirs, shift in (
        (mean, posterior.mean, bn.running_mean[None, :, None, None]),
        (std, posterior.std, 0.0),
    ):
        packed = Flux2KleinPipeline._patchify_latents(theirs)
        assert torch.allclose(ours, (packed - shift) / scale, atol=1e-5)
    assert (vae.factor, vae.latent_channels, tuple(mean.shape)) == (4, 32, (1, 32, 4, 6))


def test_pictures_are_the_pipelines(vae: PackedVae) -> None:
    latents = torch.randn(2, 32, 3, 5, generator=torch.Generator().manual_seed(1))
    bn = vae.model.bn
    scale = torch.sqrt(bn.running_var + bn.eps)[None, :, None, None]
    z = Flux2KleinPipeline._unpatchify_latents(
        latents * scale + bn.running_mean[None, :, None, None]
    )
    assert torch.allclose(vae.pixels(latents), vae.model.decode(z).sample, atol=1e-5)
    assert vae.decode(latents).shape == (2, 12, 20, 3)
