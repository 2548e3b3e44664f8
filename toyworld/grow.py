"""The autoencoder of factor 16: one more level than today's, grown from it.

A picture of 256 px becomes 16x16 cells of 16 channels, as many numbers as 32x32 cells of 4, which
makes a step of the picture model about four times cheaper. From nothing such an autoencoder learns
slowly; grown from one of factor 8 it keeps that one's outer levels.
"""

from __future__ import annotations

import copy

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

CHANNELS = (16, 32, 64, 96, 128)
LATENT_CHANNELS = 16
FACTOR = 16


def deep_autoencoder(
    channels: tuple[int, ...] = CHANNELS, latent_channels: int = LATENT_CHANNELS
) -> AutoencoderKL:
    """An untrained autoencoder of factor 2 ** (levels - 1) with a narrow posterior."""
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=256,
    )
    with torch.no_grad():
        vae.quant_conv.bias[latent_channels:].fill_(-6.0)
        vae.quant_conv.weight[latent_channels:].mul_(0.1)
    return vae.to(memory_format=torch.channels_last)


def take(target: nn.Module, source: nn.Module) -> None:
    """Copy every weight whose name and shape both modules have."""
    theirs = source.state_dict()
    with torch.no_grad():
        for name, weight in target.state_dict().items():
            if name in theirs and theirs[name].shape == weight.shape:
                weight.copy_(theirs[name])


def grow(
    shallow: AutoencoderKL,
    channels: tuple[int, ...] = CHANNELS,
    latent_channels: int = LATENT_CHANNELS,
) -> AutoencoderKL:
    """A deeper autoencoder that begins with a shallower one's outer levels.

    Args:
        shallow: An autoencoder whose level widths are the first of `channels`.
        channels: Widths of the new one's levels, one more than the old one has.
        latent_channels: Channels of the new latents.

    Raises:
        ValueError: The widths do not begin with the old ones.
    """
    old = tuple(shallow.config["block_out_channels"])
    if channels[:-1] != old:
        raise ValueError(f"Levels {channels} do not grow from {old}: they must begin alike.")
    vae = deep_autoencoder(channels, latent_channels)
    take(vae.encoder.conv_in, shallow.encoder.conv_in)
    for deep, outer in zip(vae.encoder.down_blocks, shallow.encoder.down_blocks, strict=False):
        take(deep, outer)
    for deep, outer in zip(vae.decoder.up_blocks[1:], shallow.decoder.up_blocks, strict=True):
        take(deep, outer)
    take(vae.decoder.conv_norm_out, shallow.decoder.conv_norm_out)
    take(vae.decoder.conv_out, shallow.decoder.conv_out)
    return vae


@torch.no_grad()
def whiten(vae: AutoencoderKL, mean: Tensor, deviation: Tensor) -> AutoencoderKL:
    """A copy whose latents have mean 0 and deviation 1 in every channel, and that decodes the same.

    Both are folded into `quant_conv` and `post_quant_conv`, so the folder stays a plain
    `AutoencoderKL` with a scaling factor of 1.

    Args:
        vae: An autoencoder.
        mean: (channels,) of its latents.
        deviation: (channels,) of its latents.
    """
    white = copy.deepcopy(vae)
    count = len(mean)
    quant, post = white.quant_conv, white.post_quant_conv
    quant.weight[:count] /= deviation[:, None, None, None]
    quant.bias[:count] = (quant.bias[:count] - mean) / deviation
    quant.bias[count:] -= 2.0 * deviation.log()  # the second half says log-variances
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight *= deviation[None, :, None, None]
    white.register_to_config(scaling_factor=1.0)
    return white
