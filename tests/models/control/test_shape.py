"""What a ControlNet and a UNet must have in common, read off their configs."""

from __future__ import annotations

from typing import Any

import pytest

from backend.models.control.shape import ControlShape

UNET: dict[str, Any] = {
    "in_channels": 4,
    "block_out_channels": [320, 640],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "up_block_types": ["UpBlock2D"],
}


def test_a_copy_of_the_encoder_fits_whatever_else_stands_in_the_configs() -> None:
    net = UNET | {"conditioning_channels": 3, "up_block_types": None}
    assert ControlShape.of_controlnet(net) == ControlShape.of_unet(UNET, 8)
    assert hash(ControlShape.of_controlnet(net)) == hash(ControlShape.of_unet(UNET, 8))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("in_channels", 9),
        ("block_out_channels", [320, 1280]),
        ("down_block_types", ["DownBlock2D", "DownBlock2D"]),
        ("layers_per_block", 1),
        ("cross_attention_dim", 1024),
        ("addition_embed_type", "text_time"),
    ],
)
def test_any_difference_of_the_encoder_is_a_misfit(name: str, value: Any) -> None:
    other = ControlShape.of_unet(UNET | {name: value}, 8)
    assert ControlShape.of_controlnet(UNET) != other


@pytest.mark.parametrize(
    ("hints", "factor"), [([16, 32, 96, 256], 8), ([16, 32, 96, 128, 256], 16), ([16], 1)]
)
def test_the_hints_widths_tell_the_factor(hints: list[int], factor: int) -> None:
    net = UNET | {"conditioning_embedding_out_channels": hints}
    assert ControlShape.of_controlnet(net) == ControlShape.of_unet(UNET, factor)
    assert ControlShape.of_controlnet(net) != ControlShape.of_unet(UNET, factor * 2)
