"""Families by the width of the cross-attention, as files without a config tell them."""

from __future__ import annotations

from backend.models.catalog.safetensors_header import Shapes

FAMILIES = {768: "sd1", 1024: "sd2", 2048: "sdxl"}


def family_of(shapes: Shapes) -> str:
    """Family by the input width of a cross-attention key projection (or of its LoRA)."""
    for name, shape in shapes.items():
        key = name.replace(".", "_")
        low_rank_up = "lora_up" in key or "lora_B" in key
        if "attn2_to_k" in key and len(shape) == 2 and not low_rank_up:
            return family_of_width(shape[1])
    return ""


def family_of_width(width: object) -> str:
    """Family by the width of the cross-attention; "sd" for sizes of nobody else's."""
    return FAMILIES.get(width, "sd") if isinstance(width, int) else "sd"
