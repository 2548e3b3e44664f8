"""Configs read off the shapes of the original layouts, with the numbers of the published models."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.errors import ModelProblem
from backend.models.catalog.compvis import (
    SDXL_OPEN_CLIP,
    UNET,
    VAE,
    Layout,
    count,
    encoder_config,
    vae_config,
)

Shape = tuple[int, ...]
WIDTHS: dict[Layout, tuple[int, ...]] = {
    "sd1": (320, 640, 1280, 1280),
    "sd2": (320, 640, 1280, 1280),
    "sdxl": (320, 640, 1280),
}
DEPTHS: dict[Layout, tuple[int, ...]] = {
    "sd1": (1, 1, 1, 0),
    "sd2": (1, 1, 1, 0),
    "sdxl": (0, 2, 10),
}
CONTEXT: dict[Layout, int] = {"sd1": 768, "sd2": 1024, "sdxl": 2048}


def encoder(layout: Layout) -> dict[str, Shape]:
    """The shapes that the config is read off."""
    shapes: dict[str, Shape] = {f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3)}
    for level, (width, depth) in enumerate(zip(WIDTHS[layout], DEPTHS[layout], strict=True)):
        block = f"{UNET}input_blocks.{1 + 3 * level}"
        shapes[f"{block}.0.out_layers.3.weight"] = (width, width, 3, 3)
        tail = (1, 1) if layout == "sd1" else ()
        if depth:
            shapes[f"{block}.1.proj_in.weight"] = (width, width, *tail)
        for one in range(depth):
            name = f"{block}.1.transformer_blocks.{one}.attn2.to_k.weight"
            shapes[name] = (width, CONTEXT[layout])
    if layout == "sdxl":
        shapes[f"{UNET}label_emb.0.0.weight"] = (1280, 2816)
        shapes[f"{SDXL_OPEN_CLIP}text_projection"] = (1280, 1280)
    return shapes


@pytest.mark.parametrize("layout", WIDTHS)
def test_the_encoder_of_a_published_model(layout: Layout) -> None:
    config = encoder_config(encoder(layout), layout)
    assert config["in_channels"] == 4
    assert config["block_out_channels"] == list(WIDTHS[layout])
    assert config["cross_attention_dim"] == CONTEXT[layout]
    assert config["use_linear_projection"] is (layout != "sd1")
    assert config["down_block_types"] == [
        "CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in DEPTHS[layout]
    ]


def test_heads_are_eight_in_the_first_and_64_wide_in_the_later_ones() -> None:
    assert encoder_config(encoder("sd1"), "sd1")["attention_head_dim"] == 8
    assert encoder_config(encoder("sd2"), "sd2")["attention_head_dim"] == [5, 10, 20, 20]
    assert encoder_config(encoder("sdxl"), "sdxl")["attention_head_dim"] == [5, 10, 20]


def test_sdxl_is_told_sizes_beside_the_pooled_prompt() -> None:
    config = encoder_config(encoder("sdxl"), "sdxl")
    assert config["transformer_layers_per_block"] == [1, 2, 10]
    assert config["projection_class_embeddings_input_dim"] == 2816
    assert config["addition_time_embed_dim"] == 256
    assert "addition_embed_type" not in encoder_config(encoder("sd2"), "sd2")


def autoencoder(first: str, prefix: str = "") -> dict[str, Shape]:
    shapes: dict[str, Shape] = {
        f"{prefix}post_quant_conv.weight": (4, 4, 1, 1),
        f"{prefix}decoder.conv_in.weight": (512, 4, 3, 3),
    }
    for level, width in enumerate((128, 256, 512, 512)):
        shapes[prefix + first.format(level)] = (width, 128, 3, 3)
    return shapes


@pytest.mark.parametrize("prefix", ["", VAE])
@pytest.mark.parametrize(
    "first",
    ["encoder.down.{}.block.0.conv1.weight", "encoder.down_blocks.{}.resnets.0.conv1.weight"],
)
def test_an_autoencoder_in_either_layout(first: str, prefix: str) -> None:
    config = vae_config(autoencoder(first, prefix), Path("a.safetensors"))
    assert config["block_out_channels"] == [128, 256, 512, 512]
    assert config["latent_channels"] == 4


def test_an_autoencoder_that_lacks_a_tensor_names_it() -> None:
    shapes = autoencoder("encoder.down.{}.block.0.conv1.weight")
    del shapes["encoder.down.2.block.0.conv1.weight"]
    with pytest.raises(ModelProblem) as error:
        vae_config(shapes, Path("a.safetensors"))
    missing = "encoder.down.2.block.0.conv1.weight"
    assert str(error.value) == f"a.safetensors lacks the tensor '{missing}'."


def test_what_is_no_autoencoder_is_said_to_be_none() -> None:
    with pytest.raises(ModelProblem, match=r"a\.safetensors holds no autoencoder"):
        vae_config({"emb_params": (3, 768)}, Path("a.safetensors"))


def test_layers_are_counted_by_their_highest_number() -> None:
    names = {f"text.layers.{number}.weight": (1,) for number in (0, 2, 11)}
    assert count(names, r"text\.layers\.(\d+)\.") == 12
    assert count(names, r"other\.(\d+)\.") == 0
    assert count(names, r"layers\.(\d+)\.") == 0  # from the name's beginning
