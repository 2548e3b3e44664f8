"""T5 as a text encoder (2205.11487, sec. 2.1): prompts to the embeddings that a UNet attends to.

A small CLIP text encoder may stand in its place.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from transformers import CLIPTextModel, PreTrainedTokenizerBase, T5EncoderModel

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.memory.block_offload import device_of
from backend.models.memory.devices import place_of
from backend.models.patches import PatchStack
from backend.models.text.caption_cleaning import cleaned
from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import EmbeddingShelf

POSITIONS = 77  # that DeepFloyd IF was trained with
CACHE_BYTES = 64 * 1024 * 1024


class T5Text:
    """A T5 encoder with a cache; it reads a prompt in lower case, without weights.

    A prompt gives the very tensor of diffusers' `IFPipeline.encode_prompt`, with `clean_caption`
    or without it.
    """

    def __init__(
        self,
        model: T5EncoderModel | CLIPTextModel,
        tokenizer: PreTrainedTokenizerBase,
        patches: PatchStack | None = None,
        *,
        cleans: bool = False,
    ) -> None:
        """Wraps an encoder in evaluation mode.

        Args:
            model: The encoder.
            tokenizer: Its tokenizer.
            patches: Of the checkpoint that it is a part of; None where it stands alone.
            cleans: Prompts are cleaned first, see `caption_cleaning`.
        """
        self.model = model
        self._tokenizer: Any = tokenizer
        self._marks: int = self._tokenizer.num_special_tokens_to_add()
        self._cleans = cleans
        self._patches = patches or PatchStack()
        self._cache: OrderedDict[tuple[str, str], torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The encoder."""
        return {"text_encoder": self.model}

    @torch.no_grad()
    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """context: (len(prompts), 77, D), the padding included; see `Text.encode`.

        Raises:
            BadInput: A prompt is too long, or a layer other than the last is asked for.
        """
        if clip_skip != 1:
            raise BadInput(
                "CLIP skip chooses a layer of CLIP; this model reads by T5, so set it to 1.",
                "clip_skip",
            )
        padding = self._encoded("", weights_key)
        return Conditioning(
            torch.cat([self._encoded(prompt, weights_key) for prompt in prompts]), padding
        )

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """The negative prompt, one row."""
        return self.encode([prompt], clip_skip, weights_key)

    def count_tokens(self, text: str) -> tuple[int, int]:
        """(tokens without the markers, 1)."""
        return len(self._tokenizer(self.read(text)).input_ids) - self._marks, 1

    def read(self, prompt: str) -> str:
        """What the encoder is given of a prompt."""
        return cleaned(cleaned(prompt)) if self._cleans else prompt.lower().strip()

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """No textual inversion is made for it."""
        return {}

    def teach(self, shelf: EmbeddingShelf) -> None:
        """No textual inversion is made for it."""

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of the prompts that are kept encoded."""
        with self._lock:
            kept = list(self._cache.values())
        places = sorted({place_of(each.device) for each in kept})
        return tuple(
            Holding(
                "encoded prompts",
                place,
                sum(each.nbytes for each in kept if place_of(each.device) == place),
            )
            for place in places
        )

    def release(self) -> int:
        """Forgets them; they are encoded again when they are needed."""
        with self._lock:
            freed = sum(each.nbytes for each in self._cache.values())
            self._cache.clear()
            return freed

    def _encoded(self, prompt: str, weights_key: str) -> torch.Tensor:
        """(1, 77, D)."""
        key = (self.read(prompt), weights_key)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        tokens = self.count_tokens(prompt)[0]
        if tokens > POSITIONS - self._marks:
            most = POSITIONS - self._marks
            raise BadInput(
                f"The prompt has {tokens} tokens, and this model reads {most}; shorten it.",
                "prompt",
            )
        filled = self._tokenizer(
            key[0], padding="max_length", max_length=POSITIONS, return_tensors="pt"
        )
        device = device_of(self._patches, self.model)
        made: torch.Tensor = self.model(
            filled.input_ids.to(device), attention_mask=filled.attention_mask.to(device)
        )[0]
        with self._lock:
            self._cache[key] = made
            while sum(each.nbytes for each in self._cache.values()) > CACHE_BYTES:
                self._cache.popitem(last=False)
        return made
