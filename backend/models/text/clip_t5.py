"""Prompts read by CLIP and by T5: Stable Diffusion 3 (2403.03206, sec. 4.2) and Flux.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from backend.contracts.holdings import Holding, Keeper
from backend.models.memory.block_offload import device_of
from backend.models.patches import PatchStack
from backend.models.text.clip import TextEncoder
from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import EmbeddingFiles
from backend.models.text.kept import KeptTensors
from backend.models.text.t5 import Reading, T5Text, unweighted

SD3_READING = Reading(256, plain=False, hides_padding=False)
FLUX_READING = Reading(512, plain=False, hides_padding=False)


class Sd3Text:
    """Two CLIPs side by side, filled up to the width of T5, and T5 behind them.

    CLIP sees the first 75 tokens, with the weights of the prompt's syntax; T5 sees the words.
    """

    def __init__(
        self, first: TextEncoder, second: TextEncoder, third: T5Text | None, width: int
    ) -> None:
        """Puts encoders together.

        Args:
            first: CLIP ViT-L with its projection, penultimate.
            second: OpenCLIP ViT-bigG, likewise.
            third: T5; None where it was left out: zeros take its place.
            width: Of what the network attends to.
        """
        self.first, self.second, self.third = first, second, third
        self._width = width

    @property
    def clip(self) -> TextEncoder:
        """The first encoder: see `ReadByClip`."""
        return self.first

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The encoders, by the names that checkpoints give them."""
        found: dict[str, nn.Module] = {
            "text_encoder": self.first.model,
            "text_encoder_2": self.second.model,
        }
        return found if self.third is None else found | {"text_encoder_3": self.third.model}

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """context: (B, 77 + 256, D); pooled: both CLIPs' (B, P1 + P2). See `Text.encode`."""
        rows = [self._encoded(prompt, clip_skip, weights_key) for prompt in prompts]
        padding = self._encoded("", clip_skip, weights_key).context
        return Conditioning.cat([Conditioning(row.context, padding, row.pooled) for row in rows])

    def _encoded(self, prompt: str, clip_skip: int, weights_key: str) -> Conditioning:
        found = [
            part.encode([prompt], clip_skip, weights_key) for part in (self.first, self.second)
        ]
        positions = self.first.chunk_tokens + 2
        clip = torch.cat([each.context[:, :positions] for each in found], dim=-1)
        clip = functional.pad(clip, (0, self._width - clip.shape[-1]))
        if self.third is None:
            t5 = clip.new_zeros(1, SD3_READING.positions, self._width)
        else:
            t5 = self.third.encode([prompt], weights_key=weights_key).context
        pooled = [each.pooled for each in found if each.pooled is not None]
        context = torch.cat([clip, t5.to(clip)], dim=1)
        return Conditioning(context, context, torch.cat(pooled, dim=-1))

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """The negative prompt, one row."""
        return self.encode([prompt], clip_skip, weights_key)

    def count_tokens(self, text: str) -> tuple[int, int]:
        """CLIP's count; both share a vocabulary."""
        return self.first.count_tokens(text)

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """No textual inversion is made for it."""
        return {}

    def teach(self, files: EmbeddingFiles) -> None:
        """No textual inversion is made for it."""

    @property
    def _keepers(self) -> list[Keeper]:
        parts: list[Keeper] = [self.first, self.second]
        return parts if self.third is None else [*parts, self.third]

    def holdings(self) -> tuple[Holding, ...]:
        """Of all encoders."""
        return tuple(item for part in self._keepers for item in part.holdings())

    def release(self) -> int:
        """Of all encoders."""
        return sum(part.release() for part in self._keepers)


class FluxText:
    """CLIP's pooled prompt, and T5's words to attend to."""

    def __init__(
        self,
        first: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        second: T5Text,
        patches: PatchStack | None = None,
    ) -> None:
        """Puts encoders together.

        Args:
            first: CLIP ViT-L.
            tokenizer: Its tokenizer.
            second: T5.
            patches: Of the checkpoint that they are parts of; None where they stand alone.
        """
        self.model, self.second = first, second
        self._tokenizer, self._patches = tokenizer, patches or PatchStack()
        self._pooled = KeptTensors()

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The encoders, by the names that checkpoints give them."""
        return {"text_encoder": self.model, "text_encoder_2": self.second.model}

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """context: (B, 512, D) of T5; pooled: (B, P) of CLIP. See `Text.encode`."""
        words = self.second.encode(prompts, clip_skip, weights_key)
        pooled = [self._pooled_of(prompt, weights_key) for prompt in prompts]
        return Conditioning(words.context, words.padding, torch.cat(pooled))

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """The negative prompt, one row."""
        return self.encode([prompt], clip_skip, weights_key)

    @torch.no_grad()
    def _pooled_of(self, prompt: str, weights_key: str) -> torch.Tensor:
        """(1, P), of what CLIP sees: the first 75 tokens."""
        said = unweighted(prompt)

        def make() -> torch.Tensor:
            positions = self.model.config.max_position_embeddings
            filled = self._tokenizer(
                said,
                padding="max_length",
                max_length=positions,
                truncation=True,
                return_tensors="pt",
            )
            ids = filled["input_ids"]
            assert isinstance(ids, torch.Tensor)
            return self.model(ids.to(device_of(self._patches, self.model))).pooler_output

        return self._pooled.get((said, weights_key), make)

    def count_tokens(self, text: str) -> tuple[int, int]:
        """T5's count."""
        return self.second.count_tokens(text)

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """No textual inversion is made for it."""
        return {}

    def teach(self, files: EmbeddingFiles) -> None:
        """No textual inversion is made for it."""

    def holdings(self) -> tuple[Holding, ...]:
        """Of both."""
        return (*self._pooled.holdings(), *self.second.holdings())

    def release(self) -> int:
        """Of both."""
        return self._pooled.release() + self.second.release()
