"""An autoencoder of films takes pictures, in the scale of its transformer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLQwenImage

from backend.models.autoencoder import tiling
from backend.models.autoencoder.film_vae import FilmVae
from tests.flow_side import scene


@pytest.fixture(scope="module")
def vae() -> FilmVae:
    torch.manual_seed(0)
    model = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1],
        num_res_blocks=1,
        temperal_downsample=[False],
        latents_mean=[0.5, -1.0, 2.0, 0.0],
        latents_std=[2.0, 0.5, 1.0, 3.0],
    )
    return FilmVae(model.eval().requires_grad_(False))


def test_latents_are_of_unit_scale_channel_by_channel(vae: FilmVae) -> None:
    picture = scene(16, 8)[None]
    mean, std = vae.encode(picture)
    x = torch.from_numpy(picture).permute(0, 3, 1, 2)[:, :, None] / 127.5 - 1
    posterior = vae.model.encode(x).latent_dist
    for channel, (shift, scale) in enumerate(zip((0.5, -1, 2, 0), (2, 0.5, 1, 3), strict=True)):
        own = (posterior.mean[:, channel, 0] - shift) / scale
        assert torch.allclose(mean[:, channel], own, atol=1e-5)
        assert torch.allclose(std[:, channel], posterior.std[:, channel, 0] / scale, atol=1e-5)
    assert (vae.factor, vae.latent_channels, tuple(mean.shape)) == (2, 4, (1, 4, 4, 8))


def test_a_picture_is_the_first_frame(vae: FilmVae) -> None:
    latents = torch.randn(2, 4, 4, 6, generator=torch.Generator().manual_seed(1))
    stretched = latents * torch.tensor([2.0, 0.5, 1.0, 3.0])[:, None, None]
    z = stretched + torch.tensor([0.5, -1.0, 2.0, 0.0])[:, None, None]
    theirs = vae.model.decode(z[:, :, None]).sample[:, :, 0]
    assert torch.allclose(vae.pixels(latents), theirs, atol=1e-6)
    assert vae.decode(latents).shape == (2, 8, 12, 3)


def test_it_goes_in_tiles_where_memory_is_short(
    vae: FilmVae, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles are of 128 px, and the seams between them are blended."""
    latents = torch.randn(1, 4, 128, 32, generator=torch.Generator().manual_seed(1))
    whole, before = vae.decode(latents), vars(vae.model).copy()
    monkeypatch.setattr(tiling, "free_bytes", lambda device: 1000)
    tiled = vae.decode(latents)
    assert tiled.shape == whole.shape
    assert np.abs(tiled.astype(int) - whole.astype(int)).max() <= 4
    assert not np.array_equal(tiled, whole)
    sides = {name: value for name, value in before.items() if name.startswith("tile_")}
    assert {name: getattr(vae.model, name) for name in sides} == sides
    mean, _ = vae.encode(scene(64, 256)[None])
    assert mean.shape == (1, 4, 128, 32)
