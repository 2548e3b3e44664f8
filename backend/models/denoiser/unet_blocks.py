"""What the pieces of diffusers' UNets are, for a device that cannot hold one whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from diffusers.models.unets.unet_2d import UNet2DModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel


def blocks_of(model: UNet2DConditionModel | UNet2DModel) -> tuple[nn.Module, ...]:
    """What a UNet calls one after the other; what stands between is in none of them."""
    return (*half_blocks_of(model), *model.up_blocks)


def half_blocks_of(
    model: ControlNetModel | UNet2DConditionModel | UNet2DModel,
) -> tuple[nn.Module, ...]:
    """The same of a ControlNet, which is the first half of a UNet."""
    middle = model.mid_block
    return (*model.down_blocks, *([] if middle is None else [middle]))
