"""SDXL's two text encoders as one (Podell et al. 2023, 2307.01952, sec. 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from backend.contracts.holdings import Holding
from backend.models.text.clip import TextEncoder
from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import EmbeddingFiles


class SdxlTextEncoder:
    """CLIP and OpenCLIP side by side; the same face as `TextEncoder`.

    Args:
        first: CLIP ViT-L, penultimate.
        second: OpenCLIP ViT-bigG with its projection, penultimate.
        zero_empty: An empty negative prompt means zeros instead of the embedded empty text
            (`force_zeros_for_empty_prompt` of the checkpoint).
    """

    def __init__(self, first: TextEncoder, second: TextEncoder, zero_empty: bool) -> None:
        self.first, self.second = first, second
        self._zero_empty = zero_empty

    @property
    def clip(self) -> TextEncoder:
        """The first encoder: see `ReadByClip`."""
        return self.first

    def holdings(self) -> tuple[Holding, ...]:
        """Of both encoders."""
        return (*self.first.holdings(), *self.second.holdings())

    def release(self) -> int:
        """Of both encoders."""
        return self.first.release() + self.second.release()

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """Encodes prompts; see `TextEncoder.encode`.

        Returns:
            context: (B, 77 k, D1 + D2), both encoders' embeddings; pooled: the second's.
        """
        a = self.first.encode(prompts, clip_skip, weights_key)
        b = self.second.encode(prompts, clip_skip, weights_key)
        # Tokenizers that differ may need different numbers of chunks.
        length = max(a.context.shape[1], b.context.shape[1])
        context = torch.cat([a.padded(length).context, b.padded(length).context], dim=-1)
        return Conditioning(context, torch.cat([a.padding, b.padding], dim=-1), b.pooled)

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """The negative prompt, one row; zeros where the checkpoint was trained with them."""
        embedded = self.encode([prompt], clip_skip, weights_key)
        if prompt or not self._zero_empty:
            return embedded
        assert embedded.pooled is not None
        return replace(
            embedded,
            context=torch.zeros_like(embedded.context),
            padding=torch.zeros_like(embedded.padding),
            pooled=torch.zeros_like(embedded.pooled),
        )

    def teach(self, files: EmbeddingFiles) -> None:
        """Lets prompts name textual inversions, see `TextEncoder.teach`."""
        widths = (self.first.width, self.second.width)
        self.first.teach(files, widths, 0)
        self.second.teach(files, widths, 1)

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """The textual inversions that some prompts name: name -> SHA-256 of the file."""
        return self.first.learned(texts)

    def count_tokens(self, text: str) -> tuple[int, int]:
        """(tokens, chunks) of a prompt; both encoders share CLIP's vocabulary."""
        return self.first.count_tokens(text)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The models, by the names that checkpoints and LoRA files give them."""
        return {"text_encoder": self.first.model, "text_encoder_2": self.second.model}
