"""What draws codes, in the place of a network that predicts noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from backend.contracts.errors import BadInput
from backend.models.codes.codec import CodesCodec
from backend.models.codes.priors import Prior
from backend.models.denoiser.unet import ResidualHook
from backend.models.parts import Check
from backend.models.text.conditioning import Conditioning
from backend.sampling.denoiser import Prediction
from backend.sampling.types import Denoiser


class CodesNetwork:
    """The priors of a codebook; it denoises nothing.

    Attributes:
        priors: By name.
        decoders: Codecs of the same codebook, by name; the first is the model's own.
    """

    prediction_type: Prediction = "sample"

    def __init__(self, priors: Mapping[str, Prior], decoders: Mapping[str, CodesCodec]) -> None:
        """See the class."""
        self.priors, self.decoders = dict(priors), dict(decoders)
        self._own = next(iter(self.decoders.values()))

    @property
    def in_channels(self) -> int:
        """Of a code."""
        return self._own.latent_channels

    @property
    def model(self) -> nn.Module:
        """Nothing of it is patched; the codebook's model stands for all."""
        return self._own.model

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The priors and the further decoders."""
        further = {name: codec.model for name, codec in list(self.decoders.items())[1:]}
        return {**self.priors, **further}

    @property
    def blocks(self) -> Mapping[str, Sequence[nn.Module]]:
        """It is small, and stays whole."""
        return {}

    def denoiser(
        self,
        conditioning: Sequence[Conditioning],
        check: Check | None = None,
        residuals: ResidualHook | None = None,
        channels: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> Denoiser:
        """See `Network.denoiser`.

        Raises:
            BadInput: Always.
        """
        raise BadInput("This model draws codes, cell by cell; open it in the tab Codes.", "model")
