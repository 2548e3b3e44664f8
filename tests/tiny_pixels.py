"""Small folders of the models of pixels and of upscalers, as diffusers saves them."""

from __future__ import annotations

import json
import shutil
import string
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import (
    AutoencoderKL,
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    IFPipeline,
    IFSuperResolutionPipeline,
    LDMPipeline,
    LDMSuperResolutionPipeline,
    StableDiffusionUpscalePipeline,
    UNet2DConditionModel,
    UNet2DModel,
    VQModel,
)
from transformers import CLIPTextModel, T5Config, T5EncoderModel, T5Tokenizer

from tests.made_once import made_once
from tests.tiny import _text_config, tiny_tokenizer, tiny_vae

X4_SCHEDULER: dict[str, Any] = {
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}


@made_once
def tiny_x4(path: Path, *, seed: int = 0, factor: int = 4) -> Path:
    """Writes a folder of `StableDiffusionUpscalePipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        factor: Of the autoencoder, and so of the enlargement.
    """
    tokenizer = tiny_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae: AutoencoderKL = tiny_vae(factor)
        text = CLIPTextModel(_text_config(tokenizer))
        unet = UNet2DConditionModel(
            sample_size=16,
            in_channels=7,
            out_channels=4,
            layers_per_block=1,
            block_out_channels=(16, 32),
            norm_num_groups=8,
            cross_attention_dim=32,
            attention_head_dim=4,
            num_class_embeds=1000,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        )
    vae.register_to_config(scaling_factor=0.08333)
    for part in (vae, text, unet):
        part.eval()
    StableDiffusionUpscalePipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        low_res_scheduler=DDPMScheduler(
            beta_start=0.0001, beta_end=0.02, beta_schedule="scaled_linear"
        ),
        scheduler=DDIMScheduler(**X4_SCHEDULER),
        max_noise_level=350,
    ).save_pretrained(path)
    return path


IF_SCHEDULER: dict[str, Any] = {
    "beta_schedule": "squaredcos_cap_v2",
    "thresholding": True,
    "dynamic_thresholding_ratio": 0.95,
    "sample_max_value": 1.5,
    "variance_type": "learned_range",
}


def tiny_t5_tokenizer() -> T5Tokenizer:
    """A unigram vocabulary of every letter and some words, as T5's is made."""
    pieces = ["<pad>", "</s>", "<unk>", "\u2581", *string.printable.strip()]
    words = ["\u2581a", "\u2581red", "\u2581house", "\u2581under", "\u2581blue", "\u2581sky"]
    scores = [0.0] * 3 + [-4.0] + [-6.0] * (len(pieces) - 4)
    vocab = [*zip(pieces, scores, strict=True), *((word, -2.0) for word in words)]
    return T5Tokenizer(vocab=vocab, extra_ids=0)


def tiny_t5(tokenizer: T5Tokenizer, width: int = 32) -> T5EncoderModel:
    """An encoder of two layers, so wide."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=4,
        relative_attention_num_buckets=8,
    )
    return T5EncoderModel(config).eval()


def tiny_if_unet(side: int, *, later: bool = False, out: int = 6) -> UNet2DConditionModel:
    """A UNet of IF's blocks; a later stage sees six channels and a noise level."""
    return UNet2DConditionModel(
        sample_size=side,
        in_channels=6 if later else 3,
        out_channels=out,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        cross_attention_dim=32,
        encoder_hid_dim=32,
        attention_head_dim=8,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        resnet_time_scale_shift="scale_shift",
        act_fn="gelu",
        class_embed_type="timestep" if later else None,
    ).eval()


@made_once
def tiny_if(
    path: Path, *, seed: int = 0, side: int = 16, clip: bool = False, **scheduler: Any
) -> Path:
    """Writes a folder of `IFPipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        side: Its native size, px.
        clip: Its prompts are read by CLIP instead of T5.
        scheduler: Its config, where it differs from IF's.
    """
    tokenizer = tiny_tokenizer() if clip else tiny_t5_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text: Any = CLIPTextModel(_text_config(tokenizer)) if clip else tiny_t5(tokenizer)
        unet = tiny_if_unet(side)
    untyped: Any = IFPipeline  # made for T5
    untyped(
        tokenizer=tokenizer,
        text_encoder=text,
        unet=unet,
        scheduler=DDPMScheduler(**IF_SCHEDULER | scheduler),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    ).save_pretrained(path)
    return path


@made_once
def tiny_if_larger(
    path: Path, *, seed: int = 0, side: int = 32, alone: bool = False, **scheduler: Any
) -> Path:
    """Writes a folder of `IFSuperResolutionPipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        side: Its native size, px.
        alone: It has a text encoder of its own; by default the first stage's is used.
        scheduler: Its config, where it differs from IF's.
    """
    tokenizer = tiny_t5_tokenizer() if alone else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = tiny_if_unet(side, later=True)
        text = None if tokenizer is None else tiny_t5(tokenizer)
    config: dict[str, Any] = {**IF_SCHEDULER, "sample_max_value": 1.0, **scheduler}
    untyped: Any = IFSuperResolutionPipeline  # its text parts may be None
    untyped(
        tokenizer=tokenizer,
        text_encoder=text,
        unet=unet,
        scheduler=DDPMScheduler(**config),
        image_noising_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    ).save_pretrained(path)
    return path


@made_once
def tiny_if_convolutions(path: Path, *, seed: int = 0, side: int = 32) -> Path:
    """Writes a folder of `IFSuperResolutionPipeline` whose UNet reads no prompt; returns it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=side,
            in_channels=6,
            out_channels=6,
            layers_per_block=1,
            block_out_channels=(8, 16),
            norm_num_groups=8,
            down_block_types=("DownBlock2D",) * 2,
            mid_block_type="UNetMidBlock2D",
            up_block_types=("UpBlock2D",) * 2,
            class_embed_type="timestep",
            cross_attention_dim=1,
        ).eval()
    untyped: Any = IFSuperResolutionPipeline  # its text parts may be None
    untyped(
        tokenizer=None,
        text_encoder=None,
        unet=unet,
        scheduler=DDPMScheduler(**IF_SCHEDULER | {"sample_max_value": 1.0}),
        image_noising_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    ).save_pretrained(path)
    return path


def tiny_unet_2d(
    side: int = 16, channels: int = 3, out: int | None = None, classes: int | None = None
) -> UNet2DModel:
    """A UNet of two levels without a prompt, in evaluation mode.

    Args:
        side: Its native size, px.
        channels: Of its input.
        out: Of its output; None: as many.
        classes: It is told one of so many; None: none.
    """
    unet = UNet2DModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels if out is None else out,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        attention_head_dim=8,
        num_class_embeds=classes,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )
    return unet.eval()


@made_once
def tiny_ddpm(
    path: Path,
    *,
    seed: int = 0,
    ddim: bool = False,
    flat: bool = False,
    scheduler: dict[str, Any] | None = None,
    **unet: Any,
) -> Path:
    """Writes a folder of `DDPMPipeline` or `DDIMPipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        ddim: Of the pipeline and the scheduler.
        flat: The UNet is the root of the folder, as the first models were published.
        scheduler: Its config, where it differs from the class' own.
        unet: See `tiny_unet_2d`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = tiny_unet_2d(**unet)
    config = scheduler or {}
    if ddim:
        DDIMPipeline(model, DDIMScheduler(**config)).save_pretrained(path)
    else:
        DDPMPipeline(model, DDPMScheduler(**config)).save_pretrained(path)
    if flat:
        for part in ("unet", "scheduler"):
            for file in (path / part).iterdir():
                shutil.move(file, path / file.name)
            (path / part).rmdir()
    return path


def tiny_vq(factor: int = 4, channels: int = 3) -> VQModel:
    """An autoencoder with a codebook of 32 entries, in evaluation mode."""
    levels = factor.bit_length()
    vq = VQModel(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=(8, 8, 16)[:levels],
        norm_num_groups=4,
        latent_channels=channels,
        num_vq_embeddings=32,
    )
    with torch.no_grad():  # so that pictures use the range
        vq.quantize.embedding.weight.normal_()
        vq.decoder.conv_out.weight.mul_(6)
    return vq.eval()


@made_once
def tiny_ldm(
    path: Path,
    *,
    seed: int = 0,
    larger: bool = False,
    first: Literal["vq", "kl"] = "vq",
    classes: int | None = None,
) -> Path:
    """Writes a folder of `LDMPipeline` or `LDMSuperResolutionPipeline` and returns it.

    Args:
        path: Folder to make.
        seed: Weights of the same seed are the same.
        larger: It enlarges.
        first: Kind of its autoencoder.
        classes: See `tiny_unet_2d`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels = 3 if first == "vq" else 4
        unet = tiny_unet_2d(8, channels + 3 * larger, channels, classes)
        vqvae: Any = tiny_vq() if first == "vq" else tiny_vae(4)
    vqvae.eval()
    scheduler = DDIMScheduler(
        beta_start=0.0015, beta_end=0.0155, beta_schedule="scaled_linear", clip_sample=False
    )
    cls: Any = LDMSuperResolutionPipeline if larger else LDMPipeline
    cls(vqvae=vqvae, unet=unet, scheduler=scheduler).save_pretrained(path)
    return path


def edited(path: Path, **changes: Any) -> None:
    """Changes values of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
