"""Which family a width of the cross-attention tells of."""

from __future__ import annotations

import pytest

from backend.models.catalog.widths import family_of, family_of_width


@pytest.mark.parametrize(
    ("width", "family"),
    [(768, "sd1"), (1024, "sd2"), (2048, "sdxl"), (32, "sd"), (0, "sd"), (None, "sd"), ("x", "sd")],
)
def test_a_width_names_its_family(width: object, family: str) -> None:
    assert family_of_width(width) == family


@pytest.mark.parametrize(
    "key",
    [
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
        "lora_unet_down_blocks_0_attn2_to_k.lora_down.weight",
        "unet.mid_block.attn2.to_k.lora_A.weight",
    ],
)
def test_a_key_projection_tells_by_its_input(key: str) -> None:
    assert family_of({key: (320, 2048)}) == "sdxl"


@pytest.mark.parametrize(
    "shapes",
    [
        {},
        {"attn1.to_k.weight": (320, 768)},
        {"attn2.to_v.weight": (320, 768)},
        {"attn2_to_k.lora_up.weight": (768, 4)},
        {"attn2.to_k.lora_B.weight": (768, 4)},
        {"attn2.to_k.bias": (768,)},
    ],
)
def test_what_has_another_input_tells_nothing(shapes: dict[str, tuple[int, ...]]) -> None:
    assert family_of(shapes) == ""


def test_the_factor_on_the_other_side_is_passed_over() -> None:
    both = {"attn2_to_k.lora_up.weight": (768, 4), "attn2_to_k.lora_down.weight": (4, 1024)}
    assert family_of(both) == "sd2"
