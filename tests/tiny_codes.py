"""Small random VQ models with priors, in the layout that the studio reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import VQModel
from transformers import CLIPTextModel

from backend.models.codes.priors import CodesTransformer, GatedPixelCNN
from tests.tiny import _text_config, tiny_tokenizer

CODES, SIDE, FACTOR = 12, 4, 4
SIZE_PX = SIDE * FACTOR


def tiny_codes(
    path: Path, *, priors: tuple[str, ...] = ("transformer", "pixelcnn"), sharper: bool = True
) -> Path:
    """Writes a folder of 4x4 cells of 12 codes and returns it.

    Args:
        path: Folder to make.
        priors: Which lie in it.
        sharper: Whether a second decoder does.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = tiny_tokenizer()
        text = CLIPTextModel(_text_config(tokenizer)).eval()
        width = text.config.hidden_size
        own = _model()
        own.save_pretrained(path)
        if sharper:
            other = _model()
            other.quantize.load_state_dict(own.quantize.state_dict())
            other.save_pretrained(path / "vqgan")
        sizes: dict[str, Any] = {"codes": CODES, "side": SIDE, "layers": 2, "width": 8}
        told: dict[str, Any] = {"context_width": width, "context_positions": 6}
        if "transformer" in priors:
            CodesTransformer(heads=2, **sizes, **told).save_pretrained(path / "transformer")
        if "pixelcnn" in priors:
            GatedPixelCNN(kernel=3, queries=2, **sizes, **told).save_pretrained(path / "pixelcnn")
        if priors:
            text.save_pretrained(path / "text_encoder")
            tokenizer.save_pretrained(path / "tokenizer")
    return path


def _model() -> VQModel:
    model = VQModel(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 8),
        latent_channels=4,
        num_vq_embeddings=CODES,
        vq_embed_dim=4,
        norm_num_groups=4,
        sample_size=SIZE_PX,
        mid_block_add_attention=False,
    )
    torch.nn.init.normal_(model.quantize.embedding.weight, std=0.5)
    return model.eval()
