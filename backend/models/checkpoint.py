"""A text-to-image model in memory: the parts that a family brings, and what all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch import nn

from backend.contracts.holdings import Holding, Keeper
from backend.models.autoencoder.latent_rgb import LatentRgb
from backend.models.autoencoder.preview import Previewer, PreviewKind, make_previewer
from backend.models.catalog.card import Card
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.hashes import content_hash
from backend.models.memory.devices import Target
from backend.models.parts import Codec, Enlarger, Network, Text
from backend.models.patches import PatchStack
from backend.sampling.denoiser import Prediction
from backend.sampling.types import Spread


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A text-to-image model in memory.

    Attributes:
        info: Its catalog entry.
        target: Device and dtype of its weights.
        scheduler_config: The scheduler's config as read.
        text: From prompts to what the network is told.
        network: What predicts.
        codec: Between latents and pictures.
        latent_rgb: Linear map of the fast preview.
        tiny: Tiny decoder, where one is installed.
        vae_hash: Of a separate autoencoder in the place of its own; "" for its own.
        enlarger: How it is shown a small picture, where it enlarges one.
        patches: What is on its modules; those of its parts that ask were given the same.
        bounded: Its scheduler's config says where x0 is kept, as that of pixels does.
        spread: Where its network leaves the variance of a step, where it tells one.
        kept_norm: Side of the squares of positions whose norm guidance keeps; 0: it keeps none.
    """

    info: ModelInfo
    target: Target
    scheduler_config: dict[str, Any]
    text: Text
    network: Network
    codec: Codec
    latent_rgb: LatentRgb
    tiny: AutoencoderTiny | None = None
    vae_hash: str = ""
    enlarger: Enlarger | None = None
    patches: PatchStack = field(default_factory=PatchStack)
    bounded: bool = False
    spread: Spread | None = None
    kept_norm: int = 0

    def __post_init__(self) -> None:
        """A network with a stack of its own would not hear of what is put on the model."""
        if getattr(self.network, "patches", self.patches) is not self.patches:
            raise ValueError(f"{self.name}: give the network the checkpoint's own patches")

    @property
    def name(self) -> str:
        """What settings call it."""
        return self.info.name

    @property
    def hash(self) -> str:
        """First 10 hex digits of the SHA-256 of the network's file."""
        return content_hash(self.info)

    @property
    def card(self) -> Card:
        """What it recommends."""
        return self.info.card

    @property
    def native_size(self) -> tuple[int, int]:
        """(width, height) in px."""
        return self.info.native_size

    @property
    def prediction_type(self) -> Prediction:
        """epsilon, v_prediction, sample or flow_prediction."""
        return self.network.prediction_type

    @property
    def latent_channels(self) -> int:
        """C of the latents."""
        return self.codec.latent_channels

    @property
    def vae_factor(self) -> int:
        """Pixels for each latent position, along one side."""
        return self.codec.factor

    @property
    def parts(self) -> dict[str, nn.Module]:
        """Its modules by name, for whoever counts or moves them."""
        parts: dict[str, nn.Module] = {
            **{name.replace("_", " "): part for name, part in self.text.modules.items()},
            **self.network.modules,
            **self.codec.modules,
        }
        return parts if self.tiny is None else parts | {"tiny decoder": self.tiny}

    @property
    def blocks(self) -> Mapping[str, Sequence[nn.Module]]:
        """Of the parts whose pieces may take turns on a device."""
        return self.network.blocks

    def holdings(self) -> tuple[Holding, ...]:
        """What it keeps beside its weights, its patches included."""
        encoded = self.text.holdings() if isinstance(self.text, Keeper) else ()
        return (*encoded, *self.patches.holdings())

    def release(self) -> int:
        """Lets go of what no patch in force needs, and returns the bytes."""
        return self.text.release() if isinstance(self.text, Keeper) else 0

    @property
    def lora_parts(self) -> dict[str, nn.Module]:
        """The modules that LoRAs change, by the names that LoRA files use."""
        return {**self.network.modules, **self.text.modules}

    @property
    def nbytes(self) -> int:
        """Bytes of all parameters and buffers."""
        return sum(module_bytes(module) for module in self.parts.values())

    def previewer(self, kind: PreviewKind = "fast") -> Previewer:
        """Draws previews of its latents."""
        latent_rgb = self.latent_rgb.on(self.target.device)
        return make_previewer(kind, latent_rgb, self.codec, self.tiny, self.patches)


def module_bytes(module: nn.Module) -> int:
    """Bytes of parameters and buffers, shared ones counted once."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
