"""Small checkpoints with Stable Diffusion's parts and random weights, for tests.

They have every part of the real thing (byte-level BPE tokenizer, CLIP text encoder, UNet with
cross-attention, KL autoencoder of factor 8, DDIM scheduler config), load with diffusers'
`StableDiffusionPipeline.from_pretrained`, and run in milliseconds.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from tests.made_once import made_once

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
SCHEDULER: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}
KINDS: dict[int | None, str] = {8: "InstructPix2Pix", 9: "Inpaint"}  # by their UNet's channels
CORPUS = (
    "a red house under a blue sky",
    "a small yellow boat on the sea at night",
    "a green tree and a white flower in the grass",
    "two fish and a cat in the snow at sunset",
    "a tall purple mushroom in the forest",
    "an orange car on the sand",
)


@cache
def _bpe() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte-level vocabulary of CLIP's kind: every byte, every byte at a word's end, some merges."""
    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    trained.normalizer = normalizers.Lowercase()
    trained.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trained.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=256, end_of_word_suffix="</w>", show_progress=False)
    )
    merges = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, *(byte + "</w>" for byte in alphabet), *("".join(m) for m in merges)]
    # CLIP's special tokens come last: its pooled output looks for the highest id.
    words = [*dict.fromkeys(words), BOS, EOS]
    return {word: index for index, word in enumerate(words)}, merges


def tiny_tokenizer() -> CLIPTokenizer:
    """Tokenizer that accepts any text; 77 positions."""
    vocab, merges = _bpe()
    return CLIPTokenizer(vocab=dict(vocab), merges=list(merges), model_max_length=77)


def tiny_unet(
    sample_size: int = 8, in_channels: int = 4, out_channels: int = 4
) -> UNet2DConditionModel:
    """UNet of two levels, cross-attention width 32; 9 channels make an inpainting model."""
    return UNet2DConditionModel(
        sample_size=sample_size,
        in_channels=in_channels,
        out_channels=out_channels,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        cross_attention_dim=32,
        attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )


def tiny_sdxl_unet(sample_size: int = 8, in_channels: int = 4) -> UNet2DConditionModel:
    """SDXL's kind: several transformer blocks a layer, linear projections, size conditioning.

    Cross-attention width 64 = 32 + 32 of its two text encoders, pooled width 16.
    """
    return UNet2DConditionModel(
        sample_size=sample_size,
        in_channels=in_channels,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        cross_attention_dim=64,
        attention_head_dim=(2, 4),
        transformer_layers_per_block=(1, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )


def tiny_vae(factor: int = 8, channels: int = 4) -> AutoencoderKL:
    """Autoencoder of that factor and latent channels; its pictures use the range of [-1, 1]."""
    widths = (8, 8, 16, 16, 16)[: factor.bit_length()]
    vae = AutoencoderKL(
        block_out_channels=widths,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=64,
        latent_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        scaling_factor=0.18215,
    )
    # A random decoder is nearly grey; contrast makes comparisons of pictures mean something.
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(2.0)
    return vae


def _text_config(tokenizer: CLIPTokenizer, **options: Any) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2,
        **options,
    )


@made_once
def tiny_sdxl(
    path: Path,
    *,
    seed: int = 0,
    sample_size: int = 8,
    zero_empty: bool = True,
    force_upcast: bool = True,
    dtype: torch.dtype = torch.float32,
    in_channels: int = 4,
) -> Path:
    """Writes an SDXL folder and returns it, for `StableDiffusionXLPipeline.from_pretrained`.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        sample_size: Native latent size.
        zero_empty: force_zeros_for_empty_prompt of its index.
        force_upcast: Of the autoencoder's config.
        dtype: Precision of the files.
        in_channels: Of the UNet; 9 make an inpainting model.
    """
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer()
    # OpenCLIP's encoder learned entry 0 as filler, and GELU as it stands in the books.
    second = CLIPTokenizer(
        vocab=dict(_bpe()[0]), merges=list(_bpe()[1]), model_max_length=77, pad_token="!"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = {
            "text_encoder": CLIPTextModel(_text_config(tokenizer)),
            "text_encoder_2": CLIPTextModelWithProjection(
                _text_config(second, projection_dim=16, hidden_act="gelu")
            ),
            "unet": tiny_sdxl_unet(sample_size, in_channels),
            "vae": tiny_vae(),
        }
    parts["vae"].register_to_config(force_upcast=force_upcast, scaling_factor=0.13025)
    tokenizer.save_pretrained(path / "tokenizer")
    second.save_pretrained(path / "tokenizer_2")
    for name, part in parts.items():
        for parameter in part.parameters():
            parameter.data = parameter.data.to(dtype)
        part.save_pretrained(path / name)
    DDIMScheduler(**SCHEDULER).save_pretrained(path / "scheduler")
    (path / "model_index.json").write_text(
        json.dumps(
            {
                "_class_name": f"StableDiffusionXL{'Inpaint' if in_channels == 9 else ''}Pipeline",
                "_diffusers_version": "0.42.1",
                "force_zeros_for_empty_prompt": zero_empty,
                "add_watermarker": None,
                "feature_extractor": [None, None],
                "image_encoder": [None, None],
                "scheduler": ["diffusers", "DDIMScheduler"],
                "vae": ["diffusers", "AutoencoderKL"],
                "text_encoder": ["transformers", "CLIPTextModel"],
                "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
                "tokenizer": ["transformers", "CLIPTokenizer"],
                "tokenizer_2": ["transformers", "CLIPTokenizer"],
                "unet": ["diffusers", "UNet2DConditionModel"],
            },
            indent=2,
        )
    )
    return path


@made_once
def tiny_checkpoint(
    path: Path,
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon",
    *,
    seed: int = 0,
    sample_size: int = 8,
    card: dict[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
    scheduler: dict[str, Any] | None = None,
    in_channels: int | None = None,
    factor: int = 8,
    channels: int = 4,
) -> Path:
    """Writes a diffusers folder and returns it; takes well under a second.

    Args:
        path: Folder to make, e.g. tmp_path / "checkpoints" / "tiny".
        prediction_type: What the scheduler's config says of the UNet's output.
        seed: Weights of the same seed are the same.
        sample_size: Native latent size; native pixels are `factor` times it.
        card: Contents of card.json; none is written without.
        dtype: Precision of the files.
        scheduler: Overrides of the scheduler's config.
        in_channels: Of the UNet; 9 make an inpainting model of 4 latent channels, 8 one that edits.
        factor: Of the autoencoder; 1, 2, 4, 8 or 16.
        channels: Of the latents.
    """
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text = CLIPTextModel(_text_config(tokenizer))
        unet = tiny_unet(sample_size, in_channels or channels, channels)
        vae = tiny_vae(factor, channels)
    config = SCHEDULER | {"prediction_type": prediction_type} | (scheduler or {})
    tokenizer.save_pretrained(path / "tokenizer")
    for name, part in (("text_encoder", text), ("unet", unet), ("vae", vae)):
        for parameter in part.parameters():
            parameter.data = parameter.data.to(dtype)
        part.save_pretrained(path / name)
    DDIMScheduler(**config).save_pretrained(path / "scheduler")
    (path / "model_index.json").write_text(
        json.dumps(
            {
                "_class_name": f"StableDiffusion{KINDS.get(in_channels, '')}Pipeline",
                "_diffusers_version": "0.42.1",
                "feature_extractor": [None, None],
                "image_encoder": [None, None],
                "requires_safety_checker": False,
                "safety_checker": [None, None],
                "scheduler": ["diffusers", "DDIMScheduler"],
                "vae": ["diffusers", "AutoencoderKL"],
                "text_encoder": ["transformers", "CLIPTextModel"],
                "tokenizer": ["transformers", "CLIPTokenizer"],
                "unet": ["diffusers", "UNet2DConditionModel"],
            },
            indent=2,
        )
    )
    if card is not None:
        (path / "card.json").write_text(json.dumps(card))
    return path
