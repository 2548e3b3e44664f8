"""The text part of models that read no prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import EmbeddingFiles


class NoPrompt:
    """Says nothing, in as many rows as there are prompts."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Nothing is held."""
        return {}

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """context: (len(prompts), 1, 1) of zeros."""
        return Conditioning(torch.zeros(len(prompts), 1, 1), torch.zeros(1, 1, 1))

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """One row of it."""
        return self.encode([prompt])

    def count_tokens(self, text: str) -> tuple[int, int]:
        """No tokens, in one chunk."""
        return 0, 1

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """Learns no words."""
        return {}

    def teach(self, files: EmbeddingFiles) -> None:
        """Learns no words."""
