"""An autoencoder of factor 16 begins with one of factor 8, and whitening changes no picture."""

import pytest
import torch

from toyworld.autoencoder import new_autoencoder
from toyworld.grow import FACTOR, deep_autoencoder, grow, whiten

SMALL = (8, 8, 16, 16)


def test_factor_and_channels():
    vae = deep_autoencoder((8, 8, 16, 16, 16), 16).eval()
    x = torch.zeros(1, 3, 64, 64)
    latents = vae.encode(x).latent_dist.mode()
    assert latents.shape == (1, 16, 64 // FACTOR, 64 // FACTOR)
    assert vae.decode(latents).sample.shape == x.shape


def test_outer_levels_are_kept():
    torch.manual_seed(0)
    old = new_autoencoder(SMALL)
    new = grow(old, (*SMALL, 24), 16)
    ours, theirs = new.encoder.state_dict(), old.encoder.state_dict()
    kept = [n for n in theirs if n.startswith(("conv_in.", "down_blocks."))]
    assert kept
    for name in kept:
        assert torch.equal(ours[name], theirs[name]), name
    for k, outer in enumerate(old.decoder.up_blocks[1:], start=2):
        for name, weight in outer.state_dict().items():
            assert torch.equal(new.decoder.up_blocks[k].state_dict()[name], weight), name
    assert torch.equal(new.decoder.conv_out.weight, old.decoder.conv_out.weight)


def test_widths_must_begin_alike():
    with pytest.raises(ValueError, match="begin alike"):
        grow(new_autoencoder(SMALL), (8, 16, 16, 16, 24), 16)


def test_whitened_latents_have_no_mean_and_unit_deviation_and_decode_the_same():
    torch.manual_seed(1)
    vae = grow(new_autoencoder(SMALL), (*SMALL, 24), 4).eval()
    x = torch.rand(4, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        before = vae.encode(x).latent_dist
        mean = before.mean.mean(dim=(0, 2, 3))
        deviation = before.mean.std(dim=(0, 2, 3))
        white = whiten(vae, mean, deviation)
        after = white.encode(x).latent_dist
        pictures = vae.decode(before.mean).sample
        same = white.decode(after.mean).sample
    assert torch.allclose(after.mean.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(after.mean.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(after.std * deviation[:, None, None], before.std, rtol=1e-3)
    assert torch.allclose(pictures, same, atol=1e-4)
    assert white.config.scaling_factor == 1.0
