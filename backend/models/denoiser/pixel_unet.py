"""The UNet of plain diffusion models, which read no prompt: pixels in, pixels out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from torch import nn

from backend.models.denoiser.batch_split import Together
from backend.models.denoiser.learned import prediction_of
from backend.models.denoiser.unet_blocks import blocks_of
from backend.models.memory.block_offload import device_of
from backend.models.patches import PatchStack
from backend.models.text.conditioning import Conditioning
from backend.sampling.config import TrainedTo
from backend.sampling.denoiser import adapt
from backend.sampling.types import Denoiser, Spread


class PixelUnet:
    """A `UNet2DModel` and what its output means."""

    def __init__(
        self,
        model: UNet2DModel,
        prediction_type: TrainedTo,
        spread: Spread | None = None,
        patches: PatchStack | None = None,
    ) -> None:
        """Wraps `model`, which is in evaluation mode.

        Args:
            model: The UNet.
            prediction_type: What its output means.
            spread: Where its variance is left, if it tells one.
            patches: Of the checkpoint that it is a part of; None where it stands alone.
        """
        self.model = model
        self.prediction_type: TrainedTo = prediction_type
        self.in_channels: int = model.config["in_channels"]
        self._spread = spread
        self.patches = PatchStack() if patches is None else patches
        self._classes = model.class_embedding is not None

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """What it holds in memory."""
        return {"unet": self.model}

    @property
    def blocks(self) -> Mapping[str, Sequence[nn.Module]]:
        """Those of the UNet, in the order of their calls."""
        return {"unet": blocks_of(self.model)}

    def denoiser(
        self,
        conditioning: Sequence[Conditioning],
        check: Callable[[], None] | None = None,
        residuals: object = None,
        channels: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> Denoiser:
        """Makes `(x, level) -> x0`; the conditioning says nothing. See `Network.denoiser`.

        Args:
            conditioning: Of no effect.
            check: Called before each model call; raises to stop the run.
            residuals: No ControlNet steers it.
            channels: (b, c, h, w), a picture that it sees beside x.
            labels: (b,), its classes; the first where it knows classes and is told none.
        """
        model: Any = self.model
        dtype: torch.dtype = model.dtype
        device = device_of(self.patches, self.model)
        if labels is None and self._classes:
            labels = torch.zeros(1, dtype=torch.long)
        told = None if labels is None or not self._classes else labels.to(device)
        beside = None if channels is None else channels.to(device, dtype)
        together = Together()

        def predict(scaled: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
            if check is not None:
                check()
            batch, width = scaled.shape[:2]
            timestep = timestep.float().to(device, non_blocking=True)
            seen = scaled.to(dtype)
            if beside is not None:
                seen = torch.cat([seen, beside.repeat(batch // len(beside), 1, 1, 1)], dim=1)
            classes = None if told is None else told.repeat(batch // len(told))

            def call(rows: slice) -> torch.Tensor:
                own = None if classes is None else classes[rows]
                made = model(seen[rows], timestep[rows], class_labels=own, return_dict=False)
                return made[0].to(torch.float32, copy=True)

            return prediction_of(together.in_parts(batch, call), width, self._spread)

        return adapt(predict, self.prediction_type)
