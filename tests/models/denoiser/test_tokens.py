"""Latents as rows of tokens, and back."""

from __future__ import annotations

import torch
from diffusers import FluxPipeline

from backend.models.denoiser.tokens import packed, places, unpacked


def test_tokens_are_those_of_the_pipeline() -> None:
    x = torch.arange(2 * 3 * 4 * 6.0).reshape(2, 3, 4, 6)
    theirs = FluxPipeline._pack_latents(x, 2, 3, 4, 6)
    assert torch.equal(packed(x, 2), theirs)
    assert torch.equal(unpacked(theirs, 2, 2, 3), x)


def test_places_are_rows_and_columns() -> None:
    theirs = FluxPipeline._prepare_latent_image_ids(1, 2, 3, torch.device("cpu"), torch.float32)
    assert torch.equal(places(2, 3, torch.device("cpu")), theirs)
