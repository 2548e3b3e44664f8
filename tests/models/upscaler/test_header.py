"""What a header tells, where no small file of the layout stands in `tests.upscalers`."""

from __future__ import annotations

from backend.models.upscaler.header import UpscalerKind, upscaler_kind


def test_real_esrgan_lays_pixels_into_channels_first() -> None:
    shapes = {
        "conv_first.weight": (64, 12, 3, 3),
        "body.0.rdb1.conv1.weight": (32, 64, 3, 3),
        "conv_up1.weight": (64, 64, 3, 3),
        "conv_up2.weight": (64, 64, 3, 3),
        "conv_last.weight": (3, 64, 3, 3),
    }
    assert upscaler_kind(shapes) == UpscalerKind("ESRGAN", 2)
    assert upscaler_kind(shapes | {"conv_first.weight": (64, 3, 3, 3)}).scale == 4


def test_a_light_swinir_has_one_shuffle_alone() -> None:
    shapes = {
        "conv_first.weight": (60, 3, 3, 3),
        "layers.0.residual_group.blocks.0.norm1.weight": (60,),
        "layers.0.residual_group.blocks.0.mlp.fc1.bias": (120,),
        "layers.0.residual_group.blocks.0.attn.relative_position_index": (64, 64),
        "upsample.0.weight": (27, 60, 3, 3),
    }
    assert upscaler_kind(shapes) == UpscalerKind("SwinIR", 3)


def test_a_head_without_a_body_is_left_to_loading() -> None:
    assert upscaler_kind({"some.weight": (2, 2)}) == UpscalerKind()
    cut = {"conv_1.sk.weight": (), "block_1.c1_r.sk.weight": (), "upsampler.0.weight": ()}
    assert upscaler_kind(cut) == UpscalerKind("SPAN")
