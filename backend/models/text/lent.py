"""The text part of a cascade's later stage, which is told the first stage's embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from backend.contracts.errors import BadInput
from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import EmbeddingFiles


class LentText:
    """Holds no encoder: prompts are embedded by another model, once for all stages."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Nothing is held."""
        return {}

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """Always raises BadInput: whoever runs the model embeds prompts by the one that can."""
        raise BadInput(
            "This model has no text encoder; put its cascade's first stage (IFPipeline) into a "
            "folder beside it.",
            "model",
        )

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """See `encode`."""
        return self.encode([prompt])

    def count_tokens(self, text: str) -> tuple[int, int]:
        """No tokens, in one chunk."""
        return 0, 1

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """Learns no words."""
        return {}

    def teach(self, files: EmbeddingFiles) -> None:
        """Learns no words."""
