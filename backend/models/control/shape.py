"""What a ControlNet and a UNet must have in common, read off their configs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

STANDARD_HINTS = (16, 32, 96, 256)  # what diffusers takes where a config is silent
_SHARED = (
    "in_channels",
    "block_out_channels",
    "down_block_types",
    "layers_per_block",
    "cross_attention_dim",
    "addition_embed_type",
)


@dataclass(frozen=True)
class ControlShape:
    """Two of them fit each other where they are equal.

    Attributes:
        encoder: The UNet's first half, which a ControlNet copies: names and values.
        factor: Pixels of the control picture for each latent position, along one side.
    """

    encoder: tuple[tuple[str, object], ...]
    factor: int

    @classmethod
    def of_unet(cls, config: Mapping[str, Any], factor: int) -> Self:
        """What a UNet takes whose autoencoder has that factor."""
        return cls(tuple((name, _plain(config.get(name))) for name in _SHARED), factor)

    @classmethod
    def of_controlnet(cls, config: Mapping[str, Any]) -> Self:
        """What a ControlNet gives: each width of its hint's embedding after the first halves."""
        hints = config.get("conditioning_embedding_out_channels") or STANDARD_HINTS
        return cls.of_unet(config, 2 ** (len(hints) - 1))


def _plain(value: Any) -> object:
    return tuple(cast(list[object], value)) if isinstance(value, list) else value
