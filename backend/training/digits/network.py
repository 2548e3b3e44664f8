"""The UNet of the digits: small enough to be trained while one watches, saved as diffusers does."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.pipelines.ddpm.pipeline_ddpm import DDPMPipeline
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from safetensors import SafetensorError

from backend.contracts.errors import BadInput, StorageProblem, told
from backend.storage.atomic_files import BEGINS, sync_folder
from backend.training.digits.drawn import CLASSES, SIDE_PX

SCHEDULER = {
    "num_train_timesteps": 1000,
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "prediction_type": "v_prediction",
}
"""Noise of Ho et al. 2020 (2006.11239), sec. 4. What is learned is v (2202.00512), not the noise:
a network of few channels repeats noise badly, which leaves grain in a picture."""
STEPS = 50
"""That the model's card recommends."""


def make(width: int, seed: int) -> UNet2DModel:
    """A fresh UNet that is told which digit: (B, 1, 32, 32), timestep, label -> v.

    Args:
        width: Channels of the first level, even; the others have 2, 4 and 8 times as many.
        seed: Of its weights, the same on every device.
    """
    random: Any = torch.random
    with random.fork_rng(devices=[]):
        random.manual_seed(seed)
        unet = UNet2DModel(
            sample_size=SIDE_PX,
            in_channels=1,
            out_channels=1,
            layers_per_block=1,
            block_out_channels=(width, 2 * width, 4 * width, 8 * width),
            norm_num_groups=width // 2,
            attention_head_dim=2 * width,
            num_class_embeds=CLASSES,
            resnet_time_scale_shift="scale_shift",
            down_block_types=("DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"),
        )
    untyped: Any = unet
    return untyped.to(memory_format=torch.channels_last)


def publish(unet: UNet2DModel, folder: Path) -> None:
    """Writes a folder of diffusers' `DDPMPipeline` with a card, all or nothing.

    Args:
        unet: What it draws with.
        folder: Must be free.

    Raises:
        BadInput: Something of that name is there.
        StorageProblem: The disk is full or the folder cannot be written.
    """
    unfinished = folder.with_name(f"{BEGINS}{os.getpid()}-{folder.name}")
    card = {"title": f"{folder.name} (drawn digits)", "steps": STEPS}
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        pipeline: Any = DDPMPipeline(unet, DDPMScheduler(**SCHEDULER))  # type: ignore[arg-type]
        pipeline.save_pretrained(unfinished)
        (unfinished / "card.json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")
        if folder.exists():
            raise BadInput(f"There is a model '{folder.name}' already; choose another name.")
        os.replace(unfinished, folder)
        sync_folder(folder.parent)
    except (OSError, SafetensorError) as error:
        raise StorageProblem(
            f"The model '{folder.name}' could not be written; make room on the disk or choose "
            f"another folder ({told(error)})."
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
