"""Embeddings that outlive the text encoder which made them: a cascade embeds its prompts once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from backend.models.parts import Text
from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import EmbeddingFiles


class Remembered:
    """A text part in front of another one, which it asks once for each prompt.

    After `leave` it answers from memory alone.
    """

    def __init__(self, text: Text) -> None:
        """`text`: Who embeds."""
        self._text: Text | None = text
        self._positive: dict[tuple[str, int], Conditioning] = {}
        self._negative: dict[tuple[str, int], Conditioning] = {}

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Nothing is held."""
        return {}

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """See `Text.encode`.

        Raises:
            KeyError: It was left before that prompt was asked for.
        """
        rows: list[Conditioning] = []
        for prompt in prompts:
            key = (prompt, clip_skip)
            if key not in self._positive:
                self._positive[key] = self._asked(prompt).encode([prompt], clip_skip)
            rows.append(self._positive[key])
        return Conditioning.cat(rows)

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """See `Text.unconditional`."""
        key = (prompt, clip_skip)
        if key not in self._negative:
            self._negative[key] = self._asked(prompt).unconditional(prompt, clip_skip)
        return self._negative[key]

    def count_tokens(self, text: str) -> tuple[int, int]:
        """See `Text.count_tokens`."""
        return self._asked(text).count_tokens(text)

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """Learns no words."""
        return {}

    def teach(self, files: EmbeddingFiles) -> None:
        """Learns no words."""

    def leave(self) -> None:
        """Lets go of who embeds."""
        self._text = None

    def _asked(self, prompt: str) -> Text:
        if self._text is None:
            raise KeyError(f"not embedded: {prompt[:80]!r}")
        return self._text
