"""A network that is shown the picture which it edits, and the two guidances that this takes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from backend.models.denoiser.unet import ResidualHook
from backend.models.parts import Network
from backend.models.patches import PatchStack
from backend.models.text.conditioning import Conditioning
from backend.sampling.denoiser import Prediction
from backend.sampling.types import Denoiser, Level

STANDARD = 1.5


class EditingNetwork:
    """InstructPix2Pix (2211.09800): latents of the picture beside x, as the encoder gives them.

    For [negative, positive] it answers with two predictions whose guidance is that of eq. 3, and
    for further positive ones with one more each:

        e + w_i (e_i - e) + w (e_it - e_i), for e without picture and words, e_i with the picture
        and the negative prompt, e_it with both

    as a + w (b - a), for a = e + w_i (e_i - e) and b = a + e_it - e_i; so whoever guides it
    needs to know nothing of the picture.

    Args:
        network: Takes 2 C channels.
        scale: Latents of the UNet are that much larger than the encoder's.
        patches: The checkpoint's.
    """

    def __init__(self, network: Network, scale: float, patches: PatchStack) -> None:
        self._network, self._scale = network, scale
        self._guidance = STANDARD
        self.patches = patches

    @property
    def prediction_type(self) -> Prediction:
        """See `Network`."""
        return self._network.prediction_type

    @property
    def in_channels(self) -> int:
        """See `Network`."""
        return self._network.in_channels

    @property
    def model(self) -> Any:
        """See `Network`."""
        return self._network.model

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """See `Network`."""
        return self._network.modules

    @property
    def blocks(self) -> Mapping[str, Sequence[nn.Module]]:
        """See `Network`."""
        return self._network.blocks

    @contextmanager
    def image_guided(self, scale: float) -> Generator[None]:
        """Calls inside keep to the picture with that scale, w_i."""
        before, self._guidance = self._guidance, scale
        try:
            yield
        finally:
            self._guidance = before

    def denoiser(
        self,
        conditioning: Sequence[Conditioning],
        check: Callable[[], None] | None = None,
        residuals: ResidualHook | None = None,
        channels: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> Denoiser:
        """See `Network.denoiser`.

        Args:
            channels: (b, C, h, w), the picture in the latent scale of the UNet.
        """
        if channels is None:
            raise ValueError("there is no picture to edit")
        picture = channels / self._scale
        if len(conditioning) == 1:
            return self._network.denoiser(conditioning, check, residuals, picture, labels)
        negative, *positives = conditioning
        parts = len(conditioning)
        scale, made = self._guidance, dict[int, Denoiser]()

        def under(rows: int) -> Denoiser:
            """For x of so many rows in each part."""
            if rows not in made:
                shown = picture.repeat(rows // len(picture), 1, 1, 1)
                seen = torch.cat([torch.zeros_like(shown), *(shown,) * parts])
                every = [negative, negative, *positives]
                made[rows] = self._network.denoiser(every, check, residuals, seen, labels)
            return made[rows]

        def edited(x: torch.Tensor, level: Level) -> torch.Tensor:
            unsaid, *said = x.chunk(parts)
            alpha, sigma, timestep = (part[: len(unsaid)] for part in level[:3])
            one = Level(alpha, sigma, timestep, level.value)
            x0 = under(len(unsaid))(torch.cat([unsaid, unsaid, *said]), one.repeat(parts + 1))
            nothing, seen, *wholes = x0.chunk(parts + 1)
            low = nothing + scale * (seen - nothing)
            return torch.cat([low, *(low + whole - seen for whole in wholes)])

        return edited
