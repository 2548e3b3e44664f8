from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderTiny

from backend.models.autoencoder.latent_rgb import PATCH
from backend.models.autoencoder.preview import make_previewer
from backend.models.autoencoder.uint8 import to_uint8
from backend.models.checkpoint import Checkpoint


def test_fast_is_the_models_own_map(eps: Checkpoint) -> None:
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    preview = eps.previewer("fast")(latents)
    assert preview is not None
    assert preview.dtype == np.uint8
    assert preview.shape == (2, 8 * PATCH, 8 * PATCH, 3)
    assert np.array_equal(preview, to_uint8(eps.latent_rgb(latents)))


def test_off_and_full(eps: Checkpoint) -> None:
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert eps.previewer("off")(latents) is None
    full = eps.previewer("full")(latents)
    assert full is not None
    assert np.abs(full.astype(int) - eps.codec.decode(latents)).max() <= 1


def test_tiny_decodes_or_says_that_it_fell_back(eps: Checkpoint) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    without = make_previewer("tiny", eps.latent_rgb, eps.codec, None, eps.patches)
    assert without.kind == "fast"
    assert "tiny decoder" in without.note
    decoder = AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    ).eval()
    with_one = make_previewer("tiny", eps.latent_rgb, eps.codec, decoder, eps.patches)
    assert (with_one.kind, with_one.note) == ("tiny", "")
    preview = with_one(latents)
    assert preview is not None
    with torch.no_grad():
        assert np.array_equal(preview, to_uint8(decoder.decode(latents).sample))
