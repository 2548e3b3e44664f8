"""Flux.2's autoencoder: squares of its latents are positions of the transformer's.

They are brought to unit scale number by number, by the statistics of a batch norm in its weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from backend.models.autoencoder.shape import shape_of
from backend.models.autoencoder.vae import Vae
from backend.models.patches import PatchStack


class PackedVae(Vae):
    """`AutoencoderKLFlux2` in the latent scale of its transformer."""

    def __init__(self, model: Any, patches: PatchStack | None = None) -> None:
        """Wraps `model`, which is in evaluation mode.

        Args:
            model: The autoencoder.
            patches: Of the model that it is a part of; None where it stands alone.
        """
        super().__init__(model, patches=patches)
        self._packs = shape_of(model.config).packs
        variance = model.bn.running_var.float().cpu() + model.config["batch_norm_eps"]
        self._mean = model.bn.running_mean.float().cpu()[:, None, None]
        self._std = variance.sqrt()[:, None, None]

    def _entered(self, latents: torch.Tensor) -> torch.Tensor:
        mean, std = (each.to(latents.device) for each in (self._mean, self._std))
        return functional.pixel_shuffle(latents * std + mean, self._packs)

    def _left(self, mean: torch.Tensor, std: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        centre, scale = (each.to(mean.device) for each in (self._mean, self._std))
        mean, std = (functional.pixel_unshuffle(each, self._packs) for each in (mean, std))
        return (mean - centre) / scale, std / scale
