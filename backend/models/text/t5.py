"""T5 as a text encoder (2205.11487, sec. 2.1): prompts to the embeddings that a UNet attends to.

A small CLIP text encoder may stand in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import CLIPTextModel, PreTrainedTokenizerBase, T5EncoderModel

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.memory.block_offload import device_of
from backend.models.patches import PatchStack
from backend.models.text.caption_cleaning import cleaned
from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import EmbeddingFiles
from backend.models.text.kept import KeptTensors
from backend.models.text.prompt import parse


@dataclass(frozen=True)
class Reading:
    """How a model was trained to have its prompts read.

    Attributes:
        positions: That each prompt is filled up to.
        plain: In lower case, exactly as written; else the words alone, without the syntax of
            weights, which T5 knows nothing of.
        hides_padding: The encoder does not see what fills a prompt up.
        counts: The network is told how long each prompt is, with one token more.
    """

    positions: int
    plain: bool
    hides_padding: bool
    counts: bool = False


DEEPFLOYD = Reading(77, plain=True, hides_padding=True)
"""Of `IFPipeline.encode_prompt`, with `clean_caption` or without it."""

CHROMA_READING = Reading(512, plain=False, hides_padding=True, counts=True)
"""Of `ChromaPipeline.encode_prompt`."""


class T5Text:
    """A T5 encoder with a cache; it reads a prompt without weights.

    A prompt gives the very tensor of diffusers' pipeline whose reading it is.
    """

    def __init__(
        self,
        model: T5EncoderModel | CLIPTextModel,
        tokenizer: PreTrainedTokenizerBase,
        patches: PatchStack | None = None,
        reading: Reading = DEEPFLOYD,
        *,
        cleans: bool = False,
    ) -> None:
        """Wraps an encoder in evaluation mode.

        Args:
            model: The encoder.
            tokenizer: Its tokenizer.
            patches: Of the checkpoint that it is a part of; None where it stands alone.
            reading: How prompts are put to it.
            cleans: Plain prompts are cleaned first, see `caption_cleaning`.
        """
        self.model = model
        self._reading = reading
        self._tokenizer: Any = tokenizer
        self._marks: int = self._tokenizer.num_special_tokens_to_add()
        self._cleans = cleans
        self._patches = patches or PatchStack()
        self._kept = KeptTensors()

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The encoder."""
        return {"text_encoder": self.model}

    @torch.no_grad()
    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """context: (len(prompts), positions, D), the padding included; see `Text.encode`.

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
            torch.cat([self._encoded(prompt, weights_key) for prompt in prompts]),
            padding,
            lengths=tuple(map(self._length, prompts)) if self._reading.counts else None,
        )

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """The negative prompt, one row."""
        return self.encode([prompt], clip_skip, weights_key)

    def count_tokens(self, text: str) -> tuple[int, int]:
        """(tokens without the markers, 1)."""
        return len(self._tokenizer(self.read(text)).input_ids) - self._marks, 1

    def read(self, prompt: str) -> str:
        """What the encoder is given of a prompt."""
        if not self._reading.plain:
            return unweighted(prompt)
        return cleaned(cleaned(prompt)) if self._cleans else prompt.lower().strip()

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

    def _length(self, prompt: str) -> int:
        """Of a prompt and one token that fills it up."""
        return min(self._reading.positions, len(self._tokenizer(self.read(prompt)).input_ids) + 1)

    def _encoded(self, prompt: str, weights_key: str) -> torch.Tensor:
        """(1, positions, D)."""
        words = self.read(prompt)
        return self._kept.get((words, weights_key), lambda: self._made(words))

    def _made(self, words: str) -> torch.Tensor:
        positions = self._reading.positions
        tokens = len(self._tokenizer(words).input_ids) - self._marks
        if tokens > positions - self._marks:
            most = positions - self._marks
            raise BadInput(
                f"The prompt has {tokens} tokens, and this model reads {most}; shorten it.",
                "prompt",
            )
        filled = self._tokenizer(
            words, padding="max_length", max_length=positions, return_tensors="pt"
        )
        device = device_of(self._patches, self.model)
        seen = filled.attention_mask.to(device) if self._reading.hides_padding else None
        made: torch.Tensor = self.model(filled.input_ids.to(device), attention_mask=seen)[0]
        return made


def unweighted(prompt: str) -> str:
    """The words of a prompt, without the syntax that weighs them."""
    sections = ("".join(run.text for run in section) for section in parse(prompt))
    return " ".join(sections).strip()
