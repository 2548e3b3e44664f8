"""What a file without a config tells of the models that it was made for.

The families say whose traits they are: `Family.kin`.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.models.catalog.safetensors_header import Shapes


@dataclass(frozen=True)
class Traits:
    """As far as shapes and metadata tell.

    Attributes:
        cross_width: Input width of the cross-attention's key projections; 0 where there is none.
        text_encoders: How many it is for; 0 where it does not tell.
        said: What its maker called the model's architecture, in lower case; "" for nothing.
    """

    cross_width: int = 0
    text_encoders: int = 0
    said: str = ""


def traits_of(shapes: Shapes) -> Traits:
    """By the width of a cross-attention key projection (or of its LoRA)."""
    for name, shape in shapes.items():
        key = name.replace(".", "_")
        low_rank_up = "lora_up" in key or "lora_B" in key
        if "attn2_to_k" in key and len(shape) == 2 and not low_rank_up:
            return Traits(cross_width=shape[1])
    return Traits()


def width_in(config: object) -> int:
    """A width as a config gives it; 0 where that is no number."""
    return config if isinstance(config, int) else 0
