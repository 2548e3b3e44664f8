"""Factors for the blocks of a U-Net: which block a layer belongs to, and a LoRA under factors.

Blocks are counted as `contracts/settings/blocks.py` says; a U-Net of n sides with l ResNets has
n (l + 1) of them down and as many up, its first convolution and each change of size being counted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from torch import nn

from backend.contracts.errors import BadInput
from backend.contracts.settings import blocks
from backend.models.lora.file import LoraFile
from backend.models.tensors import named_modules

UNET = "unet"
_SIDE = re.compile(r"(?P<side>down|up)_blocks\.(?P<level>\d+)\.(?P<kind>\w+?)s?\.(?P<at>\d+)\..+")
_RESNET = re.compile(r"down_blocks\.(\d+)\.resnets\.(\d+)")


def layout(unet: nn.Module) -> tuple[int, int]:
    """(levels, ResNets of a level on the way down) of a U-Net; (0, 0) of another network."""
    found = [match for name, _ in named_modules(unet) if (match := _RESNET.fullmatch(name))]
    if not found:
        return 0, 0
    return 1 + max(int(match[1]) for match in found), 1 + max(int(match[2]) for match in found)


def block_of(path: str, resnets: int) -> str | None:
    """The block of a layer; None for those that are in none, as the embedding of the time.

    Args:
        path: With its part, as in a LoRA's file.
        resnets: Of a level on the way down.
    """
    part, _, inner = path.partition(".")
    if part != UNET:
        return blocks.BASE
    if inner.startswith("mid_block."):
        return blocks.MID
    if inner.startswith("conv_in"):
        return "IN00"
    match = _SIDE.fullmatch(inner)
    if match is None:
        return None
    level, at, kind = int(match["level"]), int(match["at"]), match["kind"]
    if match["side"] == "down":
        place = resnets if kind == "downsampler" else at
        return f"IN{1 + level * (resnets + 1) + place:02}"
    place = resnets if kind == "upsampler" else at
    return f"OUT{level * (resnets + 1) + place:02}"


def scaled(file: LoraFile, text: str, parts: Mapping[str, nn.Module]) -> LoraFile:
    """The LoRA with its change of each block times a factor; its tensors are shared.

    Args:
        file: As it is.
        text: Canonical factors; "" leaves it as it is.
        parts: Of the model that it acts in.

    Raises:
        BadInput: The model has other blocks, or no U-Net.
    """
    if not text:
        return file
    levels, resnets = layout(parts[UNET]) if UNET in parts else (0, 0)
    if not levels:
        raise BadInput(
            f"The blocks of the LoRA '{file.name}' cannot be weighed: only U-Nets have such "
            "blocks, and this model has none; leave them out.",
            "loras",
        )
    try:
        factors = blocks.factors(text, levels * (resnets + 1))
    except ValueError as error:
        raise BadInput(
            f"The blocks of the LoRA '{file.name}' do not fit this model: {error}.", "loras"
        ) from None
    deltas = {
        path: delta._replace(factor=factor)
        for path, delta in file.deltas.items()
        if (factor := factors.get(block_of(path, resnets) or "", 1.0)) != 0.0
    }
    said = hashlib.sha256(f"{file.content_hash} {sorted(factors.items())}".encode()).hexdigest()
    return replace(file, content_hash=said, deltas=MappingProxyType(deltas))
