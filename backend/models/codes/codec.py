"""Between pictures and codes: a `VQModel` by itself, with no UNet between encoder and decoder."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.autoencoders.vq_model import VQModel

from backend.models.autoencoder.vq import Vq
from backend.models.memory.block_offload import bring, device_of
from backend.models.patches import PatchStack


class CodesCodec(Vq):
    """Latents are entries of the codebook, as they are; others become the nearest of them."""

    def __init__(self, model: VQModel, patches: PatchStack | None = None) -> None:
        """Wraps `model`, which is in evaluation mode; see `Vq`."""
        super().__init__(model, 1.0, patches)

    @property
    def codes(self) -> int:
        """K of the codebook."""
        return len(self._book())

    def codes_of(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, h, w) int64, the nearest entry of each cell."""
        book = self._book()
        flat = latents.to(book.device).float().permute(0, 2, 3, 1).flatten(0, 2)
        nearest = torch.cdist(flat, book).argmin(dim=1)
        return nearest.view(len(latents), *latents.shape[2:])

    def cells_of(self, codes: torch.Tensor) -> torch.Tensor:
        """(B, h, w) int64 -> (B, C, h, w) float32."""
        book = self._book()
        return book[codes.to(book.device)].permute(0, 3, 1, 2).contiguous()

    def unknown(self) -> torch.Tensor:
        """(1, C, 1, 1) float32, what stands for a cell that is not drawn yet: the entries' mean."""
        return self._book().mean(dim=0)[None, :, None, None]

    def pixels(self, latents: torch.Tensor) -> torch.Tensor:
        """See `Vq.pixels`; the codebook is looked up in float32, whatever the weights are in."""
        cells = self.cells_of(self.codes_of(latents))
        model: Any = self.model
        bring(self.patches, self.model)
        place = device_of(self.patches, self.model)
        z = cells.to(place, model.dtype)
        return model.decode(z, force_not_quantize=True, return_dict=False)[0].float()

    def _book(self) -> torch.Tensor:
        """(K, C) float32."""
        model: Any = self.model
        bring(self.patches, self.model)
        return model.quantize.embedding.weight.float()
