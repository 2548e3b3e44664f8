"""What loading flow models has in common: the autoencoder, tiny decoders, vocabularies."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderTiny
from transformers import Qwen2Tokenizer

from backend.contracts.errors import ModelProblem
from backend.families.flow_loading import tokenizer
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from tests.tiny_flow import tiny_flux, tiny_qwen_tokenizer


def tiny_decoder(path: Path, channels: int) -> None:
    torch.manual_seed(0)
    AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
        latent_channels=channels,
        upsampling_scaling_factor=2,
    ).save_pretrained(path)


@pytest.mark.parametrize(("channels", "kind"), [(16, "tiny"), (4, "fast")])
def test_a_tiny_decoder_of_its_latents_draws_the_previews(
    tmp_path: Path, channels: int, kind: str
) -> None:
    tiny_flux(tmp_path / "checkpoints" / "flux")
    tiny_decoder(tmp_path / "vae_approx" / "taef1", channels)
    catalog = Catalog([tmp_path], FAMILIES)
    info = catalog.checkpoint("flux")
    decoder = catalog.tiny_decoder(info.anatomy.tiny_decoder)
    model = FAMILIES.load(info, pick("cpu", "float32"), decoder)
    previewer = model.previewer("tiny")
    assert previewer.kind == kind
    shown = previewer(torch.zeros(1, 16, 8, 8))
    assert shown is not None
    assert shown.shape[1:3] == (32, 32)
    assert model.codec.factor == 4
    assert model.codec.decode(torch.zeros(1, 16, 8, 8)).shape == (1, 32, 32, 3)
    assert list(model.blocks["transformer"])


def test_a_vocabulary_that_is_too_large_is_refused(tmp_path: Path) -> None:
    tiny_qwen_tokenizer().save_pretrained(tmp_path / "tokenizer")
    assert len(tokenizer(Qwen2Tokenizer, tmp_path / "tokenizer", 300)) > 255
    with pytest.raises(ModelProblem, match="do not belong together"):
        tokenizer(Qwen2Tokenizer, tmp_path / "tokenizer", 100)
    with pytest.raises(ModelProblem, match="nothing"):
        tokenizer(Qwen2Tokenizer, tmp_path / "nothing", 100)
