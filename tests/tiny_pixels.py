"""Small folders of the models of pixels and of upscalers, as diffusers saves them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    StableDiffusionUpscalePipeline,
    UNet2DConditionModel,
    UNet2DModel,
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


def edited(path: Path, **changes: Any) -> None:
    """Changes values of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
