"""What families have in common that differ in little else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.families.stable_diffusion import StableDiffusionFamily
from backend.models.catalog.configs import read_config
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.traits import Traits
from backend.models.family import TokenizerSource

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Unadorned:
    """Nothing is made for its models: no LoRAs, ControlNets or embeddings."""

    def kin(self, traits: Traits) -> None:
        """See `Family.kin`."""

    def tokenizer(self, info: ModelInfo) -> None:
        """Its tokens are not counted while one types, or it reads no prompt."""

    def skeleton(self, info: ModelInfo) -> None:
        """No LoRA changes it."""

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`; the card's word on the prediction comes first."""
        config = read_config(self.scheduler_file(info.path))
        if info.card.prediction_type is not None:
            config["prediction_type"] = info.card.prediction_type
        return config

    def scheduler_file(self, folder: Path) -> Path:
        """Where the scheduler's config lies."""
        return folder / "scheduler" / "scheduler_config.json"


@dataclass(frozen=True)
class OnStableDiffusion:
    """Stable Diffusion in all but what its UNet is shown.

    Attributes:
        base: What recognises its folders, and loads all that is Stable Diffusion's.
    """

    base: StableDiffusionFamily

    @property
    def name(self) -> str:
        """See `Family.name`."""
        return self.base.name

    @property
    def kinds(self) -> tuple[str, ...]:
        """See `Family.kinds`."""
        return self.base.kinds

    def kin(self, traits: Traits) -> None:
        """What fits it cannot be told from what fits Stable Diffusion, which is asked later."""

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`."""
        return self.base.scheduler_config(info)

    def tokenizer(self, info: ModelInfo) -> TokenizerSource:
        """See `Family.tokenizer`."""
        return self.base.tokenizer(info)

    def skeleton(self, info: ModelInfo) -> Mapping[str, nn.Module] | None:
        """See `Family.skeleton`."""
        return self.base.skeleton(info)
