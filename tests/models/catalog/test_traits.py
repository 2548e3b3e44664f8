"""What files without a config tell of the models that they were made for."""

from __future__ import annotations

import pytest

from backend.models.catalog.traits import Traits, traits_of, width_in


@pytest.mark.parametrize(
    "key",
    [
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
        "lora_unet_down_blocks_0_attn2_to_k.lora_down.weight",
        "unet.mid_block.attn2.to_k.lora_A.weight",
    ],
)
def test_a_key_projection_tells_by_its_input(key: str) -> None:
    assert traits_of({key: (320, 2048)}) == Traits(cross_width=2048)


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
    assert traits_of(shapes) == Traits()


def test_the_factor_on_the_other_side_is_passed_over() -> None:
    both = {"attn2_to_k.lora_up.weight": (768, 4), "attn2_to_k.lora_down.weight": (4, 1024)}
    assert traits_of(both) == Traits(cross_width=1024)


@pytest.mark.parametrize(("config", "width"), [(768, 768), (None, 0), ("x", 0), ([768, 9], 0)])
def test_a_width_of_a_config_is_a_number_or_nothing(config: object, width: int) -> None:
    assert width_in(config) == width
