"""The shape of an autoencoder's latents, from its config alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class LatentShape(NamedTuple):
    """Of what a network is given of a picture.

    Attributes:
        factor: Pixels for each position, along one side.
        channels: Numbers for each position.
        width: Channels of the decoder's largest maps.
        packs: Positions of the autoencoder's own to the side of one.
    """

    factor: int
    channels: int
    width: int
    packs: int = 1


def shape_of(config: Mapping[str, Any]) -> LatentShape:
    """Of a config of `AutoencoderKL`, `AutoencoderKLFlux2`, or films' `AutoencoderKLQwenImage`."""
    if "z_dim" in config:
        levels = len(config.get("temperal_downsample") or ())
        return LatentShape(2**levels, int(config["z_dim"]), int(config.get("base_dim", 96)))
    blocks = config.get("block_out_channels") or (128,)
    packs = int(config["patch_size"][0]) if "batch_norm_eps" in config else 1
    channels = int(config.get("latent_channels", 4)) * packs**2
    return LatentShape(2 ** (len(blocks) - 1) * packs, channels, int(blocks[0]), packs)
