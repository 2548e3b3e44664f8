"""Prompts read by a language model of the Qwen3 kind, as Z-Image's are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.memory.block_offload import device_of
from backend.models.patches import PatchStack
from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import EmbeddingFiles
from backend.models.text.kept import KeptTensors
from backend.models.text.t5 import unweighted

POSITIONS = 512


class Qwen3Text:
    """The second last layer's states of the prompt in the model's chat template, without padding.

    A prompt gives the very tensor of diffusers' `ZImagePipeline.encode_prompt`.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, patches: PatchStack | None = None) -> None:
        """Wraps a model in evaluation mode.

        Args:
            model: `Qwen3Model`.
            tokenizer: Its tokenizer, with a chat template.
            patches: Of the checkpoint that it is a part of; None where it stands alone.
        """
        self.model = model
        self._tokenizer, self._patches = tokenizer, patches or PatchStack()
        self._kept = KeptTensors()

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The language model."""
        return {"text_encoder": self.model}

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """context: (B, longest, D), with each row's own length; see `Text.encode`.

        Raises:
            BadInput: A prompt is too long, or a layer other than the model's is asked for.
        """
        if clip_skip != 1:
            raise BadInput(
                "CLIP skip chooses a layer of CLIP; this model reads by Qwen3, so set it to 1.",
                "clip_skip",
            )
        rows = [self._encoded(prompt, weights_key) for prompt in prompts]
        padding = torch.zeros_like(rows[0][:, :1])
        return Conditioning.cat(
            [Conditioning(row, padding, lengths=(row.shape[1],)) for row in rows]
        )

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """The negative prompt, one row."""
        return self.encode([prompt], clip_skip, weights_key)

    def count_tokens(self, text: str) -> tuple[int, int]:
        """(tokens with the template's own, 1)."""
        return len(self._tokenizer(self._asked(text)).input_ids), 1

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """No textual inversion is made for it."""
        return {}

    def teach(self, files: EmbeddingFiles) -> None:
        """No textual inversion is made for it."""

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of the prompts that are kept encoded."""
        return self._kept.holdings()

    def release(self) -> int:
        """Forgets them; they are encoded again when they are needed."""
        return self._kept.release()

    def _asked(self, prompt: str) -> str:
        said = [{"role": "user", "content": unweighted(prompt)}]
        told: str = self._tokenizer.apply_chat_template(
            said, tokenize=False, add_generation_prompt=True, enable_thinking=True
        )
        return told

    @torch.no_grad()
    def _encoded(self, prompt: str, weights_key: str) -> torch.Tensor:
        """(1, length, D)."""
        asked = self._asked(prompt)

        def make() -> torch.Tensor:
            tokens = self.count_tokens(prompt)[0]
            if tokens > POSITIONS:
                raise BadInput(
                    f"The prompt has {tokens} tokens, and this model reads {POSITIONS}; shorten "
                    "it.",
                    "prompt",
                )
            filled = self._tokenizer(
                asked, padding="max_length", max_length=POSITIONS, return_tensors="pt"
            )
            device = device_of(self._patches, self.model)
            seen = filled.attention_mask.to(device).bool()
            states = self.model(
                input_ids=filled.input_ids.to(device),
                attention_mask=seen,
                output_hidden_states=True,
            ).hidden_states[-2]
            return states[:, seen[0]]

        return self._kept.get((asked, weights_key), make)
