"""A whole family in one module: pictures whose pixels are Gaussian, denoised exactly.

`docs/adding-a-family.md` walks through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from backend.contracts.capabilities import Capabilities, SizeGrid
from backend.models.autoencoder.identity import IdentityCodec
from backend.models.autoencoder.latent_rgb import PIXELS
from backend.models.catalog.card import Card
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.traits import Traits
from backend.models.checkpoint import Checkpoint
from backend.models.family import Anatomy, Findings
from backend.models.memory.devices import Target
from backend.models.parts import Check
from backend.models.text.conditioning import Conditioning
from backend.models.text.no_prompt import NoPrompt
from backend.sampling.config import TrainedTo
from backend.sampling.types import Denoiser, Level

CAN = Capabilities(
    prompt=False,
    negative_prompt=False,
    guidance="none",
    controlnet=False,
    lora=False,
    attention=False,
    separate_vae=False,
    training=False,
)


class GaussianNetwork:
    """E[x0 | x] of pixels x0 ~ N(mean, deviation^2), where x = alpha x0 + sigma eps."""

    prediction_type: TrainedTo = "sample"
    in_channels = 3
    blocks: Mapping[str, Sequence[nn.Module]] = MappingProxyType({})

    def __init__(self, config: Mapping[str, Any], target: Target) -> None:
        self.model = nn.Module()
        values = torch.tensor([*config["mean"], config["deviation"]])
        self.model.register_buffer("values", values.to(target.device))

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {"gaussian": self.model}

    def denoiser(
        self,
        conditioning: Sequence[Conditioning],
        check: Check | None = None,
        residuals: object = None,
        channels: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> Denoiser:
        values = self.model.get_buffer("values")
        mean, variance = values[:3, None, None], values[3].square()

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            if check is not None:
                check()
            alpha, sigma = level.alpha_for(x).to(x.device), level.sigma_for(x).to(x.device)
            gain = alpha * variance / (alpha.square() * variance + sigma.square())
            return mean + gain * (x - alpha * mean)

        return denoise


class Gaussian:
    """Folders whose config.json names `GaussianModel`, with a mean, a deviation and a size."""

    name = "gaussian"
    kinds = ("GaussianModel",)

    def recognise(self, path: Path, card: Card) -> Findings | None:
        config = path / "config.json"
        if not config.is_file() or read_json(config).get("_class_name") not in self.kinds:
            return None
        side = int(read_json(config)["side_px"])
        anatomy = Anatomy(factor=1, channels=3, sizes=SizeGrid(1, 8, 512), can=CAN, call_values=4)
        size = config.stat().st_size
        return Findings("gaussian", (side, side), (config,), size, None, "Gaussian", anatomy)

    def kin(self, traits: Traits) -> None:
        return None

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        network = GaussianNetwork(read_json(info.path / "config.json"), target)
        return Checkpoint(info, target, {}, NoPrompt(), network, IdentityCodec(), PIXELS)

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        return {}

    def tokenizer(self, info: ModelInfo) -> None:
        return None

    def skeleton(self, info: ModelInfo) -> None:
        return None
