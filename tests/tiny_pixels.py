"""Small folders of the models of pixels and of upscalers, as diffusers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    StableDiffusionUpscalePipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel

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
