"""An entry of the catalog: what is known of a model before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from backend.models.catalog.card import Card
from backend.models.family import Anatomy

Kind = Literal[
    "checkpoint",
    "lora",
    "controlnet",
    "vae",
    "tiny_decoder",
    "embedding",
    "upscaler",
    "ipadapter",
]


@dataclass(frozen=True)
class ModelInfo:
    """One entry of the catalog.

    Attributes:
        name: What settings call it: the path's stem, with its folders where two files of a root
            share that, or the folder's name where the stem says nothing.
        path: Diffusers folder or .safetensors file.
        kind: What it is.
        family: sd1, sd2, sdxl, ..., an upscaler's architecture, or "" where unknown.
        bytes: Size of its weight files.
        card: Its card, or the defaults.
        native_size: (width, height) in px: the card's, else the config's.
        weights: The files that `content_hash` covers.
        problem: Why it cannot be used; None if it can.
        note: Something to know that does not stop its use, e.g. a damaged card.
        recognised_by: Name of the family that knows a checkpoint; "" of others.
        family_title: How a person calls its family; "" shows none.
        anatomy: Of a checkpoint.
        scale: Of an upscaler: what it multiplies both sides by; 0 where only loading tells.
        reader: Name of the model that reads its prompts; "" where it does so itself.
        inside: Of an embedding in a LoRA's file: its name there.
    """

    name: str
    path: Path
    kind: Kind
    family: str = ""
    bytes: int = 0
    card: Card = field(default_factory=Card)
    native_size: tuple[int, int] = (512, 512)
    weights: tuple[Path, ...] = ()
    problem: str | None = None
    note: str | None = None
    recognised_by: str = ""
    family_title: str = ""
    anatomy: Anatomy = field(default_factory=Anatomy)
    scale: int = 0
    reader: str = ""
    inside: str = ""

    @property
    def guidance_scale(self) -> float:
        """What its card recommends; 1, which is none, where it has no guidance."""
        if self.anatomy.can.guidance == "none":
            return 1.0
        own = self.anatomy.guidance_scale
        silent = own is not None and "guidance_scale" not in self.card.model_fields_set
        return own if own is not None and silent else self.card.guidance_scale


def words(kind: Kind) -> str:
    """What people call such a thing."""
    return {
        "checkpoint": "model",
        "lora": "LoRA",
        "controlnet": "ControlNet",
        "vae": "autoencoder",
        "tiny_decoder": "tiny decoder",
        "embedding": "embedding",
        "upscaler": "upscaler",
        "ipadapter": "IP-Adapter",
    }[kind]
