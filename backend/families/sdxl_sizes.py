"""What SDXL is told beside the prompt's context (2307.01952, sec. 2.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from backend.models.denoiser.unet import Added


@dataclass(frozen=True)
class SizeConditions:
    """The pooled prompt, and original size, crop and target size: an uncropped picture as drawn.

    Attributes:
        factor: Pixels for each latent position.
        dtype: Of the UNet.
    """

    factor: int
    dtype: torch.dtype

    def __call__(self, pooled: torch.Tensor | None, latents: torch.Tensor) -> Added:
        """See `backend.models.denoiser.unet.Conditions`."""
        if pooled is None:
            raise ValueError("SDXL needs the pooled prompt")
        height, width = (side * self.factor for side in latents.shape[2:])
        ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32)
        return {
            "text_embeds": pooled.to(latents.device, self.dtype),
            "time_ids": ids.expand(len(latents), -1).to(latents.device, non_blocking=True),
        }
