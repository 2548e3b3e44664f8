"""Text encoder: prompts to the embeddings that the UNet attends to."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import CLIPTextModel, CLIPTokenizer

from backend.errors import BadInput
from backend.models.prompt import Run, parse

MAX_CHUNKS = 64
CACHE_BYTES = 64 * 1024 * 1024
# A mean this small against the embeddings' size says nothing; dividing by it would be noise.
MEANINGFUL_MEAN = 0.02


@dataclass(frozen=True)
class Conditioning:
    """What the prompt says, for the UNet.

    Attributes:
        context: (B, 77 k, D), k chunks of 77 positions.
        padding: (1, 77, D), the empty prompt; brings prompts of fewer chunks to a common length.
    """

    context: torch.Tensor
    padding: torch.Tensor

    def __len__(self) -> int:
        return len(self.context)

    def __getitem__(self, rows: slice) -> Conditioning:
        """Some rows of the batch."""
        return Conditioning(self.context[rows], self.padding)

    def padded(self, length: int) -> Conditioning:
        """The same with `length` positions, filled up with empty chunks."""
        missing = (length - self.context.shape[1]) // self.padding.shape[1]
        if missing <= 0:
            return self
        filler = self.padding.repeat(len(self), missing, 1)
        return Conditioning(torch.cat([self.context, filler], dim=1), self.padding)

    def repeat(self, times: int) -> Conditioning:
        """Each row `times` times in succession, as diffusers' num_images_per_prompt."""
        return Conditioning(self.context.repeat_interleave(times, dim=0), self.padding)

    def lerp(self, other: Conditioning, weight: float) -> Conditioning:
        """(1 - weight) * self + weight * other, exactly self at 0 and other at 1."""
        length = max(self.context.shape[1], other.context.shape[1])
        start = self.padded(length).context
        mixed = torch.lerp(start.float(), other.padded(length).context.float(), weight)
        return Conditioning(mixed.to(start.dtype), self.padding)

    @staticmethod
    def cat(parts: Sequence[Conditioning]) -> Conditioning:
        """One batch of all rows, in order, padded to the longest."""
        length = max(part.context.shape[1] for part in parts)
        rows = [part.padded(length).context for part in parts]
        return Conditioning(torch.cat(rows), parts[0].padding)


@dataclass(frozen=True)
class _Chunk:
    """Tokens between begin and end markers, and their weights; at most 75."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]


class TextEncoder:
    """CLIP text encoder with A1111's attention syntax, long prompts and a cache.

    A plain prompt of up to 75 tokens gives the very tensor of diffusers'
    `StableDiffusionPipeline.encode_prompt`: every chunk is encoded alone, so neither its batch
    nor its neighbours touch its values.
    """

    def __init__(self, model: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
        self.model = model
        self.tokenizer = tokenizer
        positions = min(tokenizer.model_max_length, model.config.max_position_embeddings)
        self.chunk_tokens: int = positions - 2
        self._layers: int = model.config.num_hidden_layers
        self._cache: OrderedDict[tuple[str, int, str], torch.Tensor] = OrderedDict()
        self._cached_bytes = 0
        self._lock = threading.Lock()

    @torch.no_grad()
    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """Encodes prompts, padded to a common number of chunks.

        Args:
            prompts: With attention syntax; may be empty texts.
            clip_skip: 1 takes the last layer, 2 the one before it, ...; the final layer norm
                follows in any case.
            weights_key: Names what has been patched into the encoder's weights (a LoRA mix), so
                that the cache keeps embeddings of different weights apart.

        Returns:
            context: (len(prompts), 77 k, D) in the encoder's dtype, on its device.

        Raises:
            BadInput: A prompt is too long, a weight too large, or clip_skip beyond the layers.
        """
        if not 1 <= clip_skip <= self._layers:
            raise BadInput(
                f"This model's text encoder has {self._layers} layers; "
                f"choose a clip skip from 1 to {self._layers}.", "clip_skip",
            )
        padding = self._encode_one("", clip_skip, weights_key)
        rows = [
            Conditioning(self._encode_one(prompt, clip_skip, weights_key), padding)
            for prompt in prompts
        ]
        return Conditioning.cat(rows)

    def count_tokens(self, text: str) -> tuple[int, int]:
        """(tokens, chunks) of a prompt, without begin and end markers; at least one chunk."""
        chunks = self._chunks(text)
        return sum(len(chunk.tokens) for chunk in chunks), len(chunks)

    def _encode_one(self, text: str, clip_skip: int, weights_key: str) -> torch.Tensor:
        key = (text, clip_skip, weights_key)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        chunks = self._chunks(text)
        if len(chunks) > MAX_CHUNKS:
            raise BadInput(
                f"The prompt fills {len(chunks)} chunks of {self.chunk_tokens} tokens; "
                f"shorten it to {MAX_CHUNKS}.", "prompt",
            )
        restore_mean = _weighted(chunks) and self._mean_is_meaningful(clip_skip, weights_key)
        parts = [self._encode_chunk(chunk, clip_skip, restore_mean) for chunk in chunks]
        context = torch.cat(parts, dim=1)
        self._remember(key, context)
        return context

    def _encode_chunk(self, chunk: _Chunk, clip_skip: int, restore_mean: bool) -> torch.Tensor:
        """(1, 77, D). Weights multiply the embeddings of their tokens, markers keep 1."""
        embedded = self._hidden(chunk.tokens, clip_skip)
        if all(weight == 1.0 for weight in chunk.weights):
            return embedded
        factors = torch.ones(embedded.shape[1], dtype=torch.float32)
        factors[1 : 1 + len(chunk.weights)] = torch.tensor(chunk.weights)
        wide = embedded.float()
        weighted = wide * factors.to(wide.device)[None, :, None]
        if restore_mean:
            weighted = weighted * (wide.mean() / weighted.mean())
        return weighted.to(embedded.dtype)

    def _hidden(self, tokens: tuple[int, ...], clip_skip: int) -> torch.Tensor:
        tok = self.tokenizer
        ids = [tok.bos_token_id, *tokens, tok.eos_token_id]
        ids += [tok.pad_token_id] * (self.chunk_tokens + 2 - len(ids))
        batch = torch.tensor([ids], device=self.model.device)
        if clip_skip == 1:
            return self.model(batch).last_hidden_state
        states = self.model(batch, output_hidden_states=True).hidden_states
        return self.model.final_layer_norm(states[-clip_skip])

    def _mean_is_meaningful(self, clip_skip: int, weights_key: str) -> bool:
        """Whether restoring the mean makes sense for this encoder.

        CLIP's embeddings have a mean of a tenth of their size. Where an encoder's layer norm
        leaves next to none, the ratio of two such means is noise and would scale the whole
        prompt at random, so there the weights act alone. Decided once from the empty prompt.
        """
        empty = self._encode_one("", clip_skip, weights_key).float()
        return bool(empty.mean().abs() > MEANINGFUL_MEAN * empty.square().mean().sqrt())

    def _chunks(self, text: str) -> list[_Chunk]:
        chunks: list[_Chunk] = []
        sections = parse(text)
        for number, section in enumerate(sections):
            tokens, weights = self._tokens(section)
            starts = range(0, len(tokens), self.chunk_tokens)
            chunks += [
                _Chunk(
                    tuple(tokens[start : start + self.chunk_tokens]),
                    tuple(weights[start : start + self.chunk_tokens]),
                )
                for start in starts
            ]
            # BREAK ends a chunk even if it is empty; nothing follows the last one.
            if not tokens and number < len(sections) - 1:
                chunks.append(_Chunk((), ()))
        return chunks or [_Chunk((), ())]

    def _tokens(self, section: tuple[Run, ...]) -> tuple[list[int], list[float]]:
        tokens: list[int] = []
        weights: list[float] = []
        for run in section:
            # verbose=False: longer than the model's context is expected, chunks follow.
            ids = self.tokenizer(run.text, add_special_tokens=False, verbose=False).input_ids
            tokens += ids
            weights += [run.weight] * len(ids)
        return tokens, weights

    def _remember(self, key: tuple[str, int, str], context: torch.Tensor) -> None:
        with self._lock:
            if key not in self._cache:
                self._cached_bytes += context.nbytes
            self._cache[key] = context
            while self._cached_bytes > CACHE_BYTES and len(self._cache) > 1:
                _, oldest = self._cache.popitem(last=False)
                self._cached_bytes -= oldest.nbytes


def _weighted(chunks: Sequence[_Chunk]) -> bool:
    return any(weight != 1.0 for chunk in chunks for weight in chunk.weights)
