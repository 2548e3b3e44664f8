"""Autoencoders of films, shown pictures: films of one frame.

Their latents are brought to unit scale channel by channel, by means and deviations of the config.
"""

from __future__ import annotations

from typing import Any

import torch

from backend.models.autoencoder.vae import Vae
from backend.models.patches import PatchStack


class FilmVae(Vae):
    """`AutoencoderKLQwenImage` in the latent scale of its transformer."""

    def __init__(self, model: Any, patches: PatchStack | None = None) -> None:
        """Wraps `model`, which is in evaluation mode.

        Args:
            model: The autoencoder.
            patches: Of the model that it is a part of; None where it stands alone.
        """
        super().__init__(model, patches=patches)
        config = model.config
        self._mean = torch.tensor(config["latents_mean"])[:, None, None]
        self._std = torch.tensor(config["latents_std"])[:, None, None]

    def _entered(self, latents: torch.Tensor) -> torch.Tensor:
        mean, std = (each.to(latents.device) for each in (self._mean, self._std))
        return (latents * std + mean).unsqueeze(2)

    def _left(self, mean: torch.Tensor, std: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        centre, scale = (each.to(mean.device) for each in (self._mean, self._std))
        return (mean.squeeze(2) - centre) / scale, std.squeeze(2) / scale

    def _picture(self, decoded: torch.Tensor) -> torch.Tensor:
        return decoded[:, :, 0]

    def _shown(self, image: torch.Tensor) -> torch.Tensor:
        return image.unsqueeze(2)
