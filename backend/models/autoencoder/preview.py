"""Previews: latents to small pictures, cheaply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from numpy.typing import NDArray

from backend.models.autoencoder.latent_rgb import LatentRgb
from backend.models.autoencoder.uint8 import to_uint8
from backend.models.memory.block_offload import bring, device_of
from backend.models.parts import Codec
from backend.models.patches import PatchStack

PreviewKind = Literal["off", "fast", "tiny", "full"]


@dataclass(frozen=True)
class Previewer:
    """Draws a preview of x0.

    Attributes:
        kind: What it really does.
        note: One sentence when that is not what was asked for.
        render: (B, C, h, w) -> (B, 3, H', W') about in [-1, 1]; None when off.
        beside: All that `render` reads but the latents, where it reads no weights of the model:
            it may then run beside the steps.
    """

    kind: PreviewKind
    note: str
    render: Callable[[torch.Tensor], torch.Tensor] | None
    beside: tuple[torch.Tensor, ...] | None = None

    @torch.no_grad()
    def __call__(self, latents: torch.Tensor) -> NDArray[np.uint8] | None:
        """Latents in the UNet's scale to (B, H', W', 3) uint8; None when previews are off.

        `fast` gives a patch of pixels for each latent position and works on the latents' device
        (the CPU is fine); `tiny` and `full` give full-size pictures.
        """
        return None if self.render is None else to_uint8(self.render(latents))


def make_previewer(
    kind: PreviewKind,
    latent_rgb: LatentRgb,
    codec: Codec,
    tiny: AutoencoderTiny | None,
    patches: PatchStack,
) -> Previewer:
    """The previewer of a kind; without a tiny decoder `tiny` becomes `fast` and says so.

    Args:
        patches: Of the model that the tiny decoder is a part of.
    """

    def decode_tiny(latents: torch.Tensor) -> torch.Tensor:
        assert tiny is not None
        z = latents.to(device_of(patches, tiny), tiny.dtype) / tiny.config["scaling_factor"]
        bring(patches, tiny)
        return tiny.decode(z, return_dict=False)[0].float()

    map_reads = (latent_rgb.weight, latent_rgb.bias)
    match kind:
        case "off":
            return Previewer("off", "", None)
        case "full":
            return Previewer("full", "", codec.pixels)
        case "tiny" if tiny is not None:
            return Previewer("tiny", "", decode_tiny)
        case "tiny":
            note = "No tiny decoder is installed for this model; previews use the fast kind."
            return Previewer("fast", note, latent_rgb, map_reads)
        case _:
            return Previewer("fast", "", latent_rgb, map_reads)
