"""Small ControlNets that fit the tiny checkpoints, and a picture with edges to steer by."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from backend.contracts.events import Pixels


def tiny_controlnet(
    checkpoint: Path, path: Path, *, seed: int = 0, strength: float = 0.3, pooled: bool = False
) -> Path:
    """Writes a ControlNet for the UNet of a folder; its zero convolutions are zero no longer.

    Args:
        checkpoint: Diffusers folder of the checkpoint.
        path: Folder to make, e.g. tmp_path / "controlnet" / "tiny-canny".
        seed: Weights of the same seed are the same.
        strength: Deviation of the weights that a fresh ControlNet has at zero.
        pooled: Pools its residuals over the picture, as the ControlNet of shuffled colours does.
    """
    unet = UNet2DConditionModel.from_pretrained(checkpoint / "unet")
    # One halving for each of the autoencoder's, so that hint and latents meet at one size.
    vae = json.loads((checkpoint / "vae" / "config.json").read_text())
    hints = (8, 8, 16, 16, 16)[: len(vae["block_out_channels"])]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=hints)
        zero = [
            *net.controlnet_down_blocks,
            net.controlnet_mid_block,
            net.controlnet_cond_embedding.conv_out,
        ]
        for module in zero:
            for parameter in module.parameters():
                torch.nn.init.normal_(parameter, std=strength)
    net.register_to_config(global_pool_conditions=pooled)
    net.save_pretrained(path)
    return path


def house(width: int = 64, height: int = 64) -> Pixels:
    """A house under a sun: hard edges, flat colours."""
    picture = np.full((height, width, 3), (120, 170, 230), np.uint8)
    picture[height * 3 // 4 :] = (60, 140, 60)
    left, right, top, bottom = width // 4, width * 3 // 4, height // 2, height * 7 // 8
    cv2.rectangle(picture, (left, top), (right, bottom), (190, 50, 40), -1)
    roof = np.array([[left, top], [right, top], [width // 2, height // 5]], np.int32)
    cv2.fillPoly(picture, [roof], (70, 40, 30))
    cv2.circle(picture, (width * 5 // 6, height // 6), height // 10, (250, 220, 60), -1)
    return picture
