"""What a model in memory is made of: the protocols that each family's parts keep to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from backend.models.text.conditioning import Conditioning
from backend.sampling.denoiser import Prediction
from backend.sampling.types import Denoiser

if TYPE_CHECKING:
    from backend.models.denoiser.unet import ResidualHook
    from backend.models.text.embeddings import EmbeddingFiles

Check = Callable[[], None]
"""Called before each model call; raises to stop the run."""


class Codec(Protocol):
    """Between latents and pictures."""

    @property
    def factor(self) -> int:
        """Pixels for each latent position, along one side."""
        ...

    @property
    def latent_channels(self) -> int:
        """C of the latents."""
        ...

    @property
    def model(self) -> Any:
        """What encodes and decodes, for those that look into it; None where nothing does."""
        ...

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """What it holds in memory, by name."""
        ...

    def decode(self, latents: torch.Tensor, check: Check | None = None) -> NDArray[np.uint8]:
        """(B, C, h, w) -> (B, H, W, 3) RGB."""
        ...

    def encode(
        self,
        images: NDArray[np.uint8],
        check: Check | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W, 3) -> mean and deviation of the latents, (B, C, h, w) float32 each.

        Args:
            images: Sides are multiples of `factor`.
            check: See `Check`.
            hidden: (B, H, W), what shall not be seen: it becomes the grey in the middle.
        """
        ...

    def pixels(self, latents: torch.Tensor) -> torch.Tensor:
        """The decoder itself: (B, C, h, w) -> (B, 3, H, W) float32, about in [-1, 1]."""
        ...


class Text(Protocol):
    """From prompts to what the network is told."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """What it holds in memory, by the names that LoRA files use."""
        ...

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """A row for each prompt, padded to a common length.

        Args:
            prompts: May be empty texts.
            clip_skip: 1 takes the layer that the model was trained with, 2 the one before it, ...
            weights_key: Names what has been patched into the weights, for caches.
        """
        ...

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """The negative prompt, one row."""
        ...

    def count_tokens(self, text: str) -> tuple[int, int]:
        """(tokens, chunks) of a prompt."""
        ...

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """The textual inversions that some prompts name: name -> SHA-256 of the file."""
        ...

    def teach(self, files: EmbeddingFiles) -> None:
        """Lets prompts name textual inversions."""
        ...


class Network(Protocol):
    """What predicts."""

    @property
    def prediction_type(self) -> Prediction:
        """What its output means."""
        ...

    @property
    def in_channels(self) -> int:
        """Of its input; more than the latents' where it sees a mask beside them."""
        ...

    @property
    def model(self) -> Any:
        """The module whose attention is patched and that LoRAs are trained on."""
        ...

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """What it holds in memory, by the names that LoRA files use."""
        ...

    @property
    def blocks(self) -> Mapping[str, Sequence[nn.Module]]:
        """By the same names, for large modules: what of it may be on a device alone.

        In the order of the calls; see `backend.models.manager.Loaded`.
        """
        ...

    def denoiser(
        self,
        conditioning: Sequence[Conditioning],
        check: Check | None = None,
        residuals: ResidualHook | None = None,
        channels: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> Denoiser:
        """Makes (x, level) -> x0 for a fixed conditioning.

        Args:
            conditioning: One or several, stacked along the batch in order; each row stands for as
                many samples in succession as x has times as many.
            check: See `Check`.
            residuals: What a ControlNet adds, asked for before each call.
            channels: (b, c, h, w), what an inpainting model or an upscaler sees beside x.
            labels: (b,) integers, what it is told of each sample: its class, or how noisy the
                picture beside x is.
        """
        ...


class Beside(NamedTuple):
    """What a network is given beside x; arguments of `Network.denoiser`.

    Attributes:
        channels: (B, c, h, w), of the size of x.
        labels: (B,) integers; None where it is told none.
    """

    channels: torch.Tensor
    labels: torch.Tensor | None = None


class Enlarger(Protocol):
    """How a model is shown the small picture that it enlarges, `Capabilities.enlarges`."""

    def noise_shape(self, small_px: tuple[int, int]) -> tuple[int, int, int] | None:
        """(c, h, w) of the noise that a small picture of (width, height) px is given.

        None where it is shown as it is.
        """
        ...

    @property
    def noise_first(self) -> bool:
        """Whether that noise is drawn before the noise of x, from the same seed, or after it."""
        ...

    def beside(self, small: torch.Tensor, noise: torch.Tensor | None, noise_level: int) -> Beside:
        """What the network is given.

        Args:
            small: (B, 3, h, w) in [-1, 1].
            noise: (B, *noise_shape); None where that is None.
            noise_level: A training timestep of the schedule that it is noised by.
        """
        ...
