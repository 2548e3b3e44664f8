"""Text encoders: prompts to the embeddings that the UNet attends to."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.memory.block_offload import device_of
from backend.models.memory.devices import place_of
from backend.models.patches import PatchStack
from backend.models.text.chunks import Chunk, chunks
from backend.models.text.clip_vocabulary import most_tokens
from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import NO_WORDS, EmbeddingFiles, Learned, Vocabulary

MAX_CHUNKS = 64
CACHE_BYTES = 64 * 1024 * 1024
# A mean this small against the embeddings' size says nothing; dividing by it would be noise.
MEANINGFUL_MEAN = 0.02


@dataclass(frozen=True)
class _Encoded:
    """A prompt: context (1, 77 k, D) and, where the model has a projection, pooled (1, P)."""

    context: torch.Tensor
    pooled: torch.Tensor | None = None

    @property
    def nbytes(self) -> int:
        return self.context.nbytes + (0 if self.pooled is None else self.pooled.nbytes)


class TextEncoder:
    """CLIP text encoder with A1111's attention syntax, long prompts and a cache.

    A plain prompt of up to 75 tokens gives the very tensor of diffusers'
    `StableDiffusionPipeline.encode_prompt`: every chunk is encoded alone, so neither its batch
    nor its neighbours touch its values.
    """

    def __init__(
        self,
        model: CLIPTextModel | CLIPTextModelWithProjection,
        tokenizer: CLIPTokenizer,
        *,
        penultimate: bool = False,
        patches: PatchStack | None = None,
    ) -> None:
        """Wraps an encoder.

        Args:
            model: In evaluation mode. One with a projection gives the pooled prompt too.
            tokenizer: Its tokenizer.
            penultimate: Start from the layer before the last, without the final layer norm, as
                SDXL does (2307.01952, sec. 2.1).
            patches: Of the checkpoint that it is a part of; None where it stands alone.
        """
        self._patches = patches or PatchStack()
        self.model = model
        self._penultimate = penultimate
        self.tokenizer = tokenizer
        positions = min(most_tokens(tokenizer), model.config.max_position_embeddings)
        self.chunk_tokens: int = positions - 2
        self._layers: int = model.config.num_hidden_layers - penultimate
        self._cache: OrderedDict[tuple[str, int, str], _Encoded] = OrderedDict()
        self._cached_bytes = 0
        self._lock = threading.Lock()
        self._files: EmbeddingFiles | None = None
        self._widths: tuple[int, ...] = (self.width,)
        self._place = 0

    @property
    def width(self) -> int:
        """D of its embeddings."""
        return int(self.model.config.hidden_size)

    def teach(
        self, files: EmbeddingFiles, widths: tuple[int, ...] | None = None, place: int = 0
    ) -> None:
        """Lets prompts name textual inversions.

        Args:
            files: Where they are looked up, anew for each prompt: files come and go.
            widths: D of all text encoders of the model, where this is one of several.
            place: Which of those it is.
        """
        self._files = files
        self._widths, self._place = widths or (self.width,), place

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """The textual inversions that some prompts name: name -> SHA-256 of the file."""
        return self._hashes(self._words, texts)

    def _hashes(self, words: Vocabulary, texts: Sequence[str]) -> dict[str, str]:
        files = self._files
        if files is None:
            return {}
        return {word.name: files.read(word).content_hash for word in words.named(texts)}

    @property
    def _words(self) -> Vocabulary:
        return NO_WORDS if self._files is None else self._files.fitting(self._widths)

    @torch.no_grad()
    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """Encodes prompts, padded to a common number of chunks.

        Args:
            prompts: With attention syntax; may be empty texts.
            clip_skip: 1 takes the layer that the model was trained with, 2 the one before it,
                ...; the final layer norm follows in any case, except in SDXL.
            weights_key: Names what has been patched into the encoder's weights (a LoRA mix), so
                that the cache keeps embeddings of different weights apart.

        Returns:
            context: (len(prompts), 77 k, D) in the encoder's dtype, on its device. The pooled
            prompt is that of the first chunk, without attention weights, as A1111 has it.

        Raises:
            BadInput: A prompt is too long, a weight too large, or clip_skip beyond the layers.
        """
        if not 1 <= clip_skip <= self._layers:
            raise BadInput(
                f"This model's text encoder has {self.model.config.num_hidden_layers} layers; "
                f"choose a clip skip from 1 to {self._layers}.",
                "clip_skip",
            )
        padding = self._encode_one("", clip_skip, weights_key).context
        found = [self._encode_one(prompt, clip_skip, weights_key) for prompt in prompts]
        return Conditioning.cat([Conditioning(e.context, padding, e.pooled) for e in found])

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """The negative prompt, one row: what guidance steers away from."""
        return self.encode([prompt], clip_skip, weights_key)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The models, by the names that checkpoints and LoRA files give them."""
        return {"text_encoder": self.model}

    @property
    def clip(self) -> TextEncoder:
        """Itself: see `ReadByClip`."""
        return self

    def chunked(self, text: str) -> list[Chunk]:
        """A prompt in the chunks that it is encoded in, at least one."""
        return chunks(text, self.tokenizer, self.chunk_tokens, self._words)

    def count_tokens(self, text: str) -> tuple[int, int]:
        """(tokens, chunks) of a prompt, without begin and end markers; at least one chunk."""
        found = self.chunked(text)
        return sum(len(chunk.tokens) for chunk in found), len(found)

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of the prompts that are kept encoded, where they lie."""
        with self._lock:
            kept = list(self._cache.values())
        places = sorted({place_of(encoded.context.device) for encoded in kept})
        return tuple(
            Holding(
                "encoded prompts",
                place,
                sum(each.nbytes for each in kept if place_of(each.context.device) == place),
            )
            for place in places
        )

    def release(self) -> int:
        """Forgets them; they are encoded again when they are needed."""
        with self._lock:
            freed, self._cached_bytes = self._cached_bytes, 0
            self._cache.clear()
            return freed

    def _encode_one(self, text: str, clip_skip: int, weights_key: str) -> _Encoded:
        words = self._words  # once: files come and go
        learned = self._hashes(words, [text])
        key = (text, clip_skip, f"{weights_key} {learned}" if learned else weights_key)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        filled = chunks(text, self.tokenizer, self.chunk_tokens, words)
        if len(filled) > MAX_CHUNKS:
            raise BadInput(
                f"The prompt fills {len(filled)} chunks of {self.chunk_tokens} tokens; "
                f"shorten it to {MAX_CHUNKS}.",
                "prompt",
            )
        restore_mean = _weighted(filled) and self._mean_is_meaningful(clip_skip, weights_key)
        parts = [self._encode_chunk(chunk, clip_skip, restore_mean) for chunk in filled]
        encoded = _Encoded(torch.cat([part.context for part in parts], dim=1), parts[0].pooled)
        self._remember(key, encoded)
        return encoded

    def _encode_chunk(self, chunk: Chunk, clip_skip: int, restore_mean: bool) -> _Encoded:
        """One chunk. Weights multiply the embeddings of their tokens, markers keep 1."""
        with self._in_place(chunk.learned):
            embedded, pooled = self._hidden(chunk.tokens, clip_skip)
        if all(weight == 1.0 for weight in chunk.weights):
            return _Encoded(embedded, pooled)
        factors = torch.ones(embedded.shape[1], dtype=torch.float32)
        factors[1 : 1 + len(chunk.weights)] = torch.tensor(chunk.weights)
        wide = embedded.float()
        weighted = wide * factors.to(wide.device)[None, :, None]
        if restore_mean:
            weighted = weighted * (wide.mean() / weighted.mean())
        return _Encoded(weighted.to(embedded.dtype), pooled)

    def _hidden(
        self, tokens: tuple[int, ...], clip_skip: int
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        tok = self.tokenizer
        ids = [tok.bos_token_id, *tokens, tok.eos_token_id]
        ids += [tok.pad_token_id] * (self.chunk_tokens + 2 - len(ids))
        batch = torch.tensor([ids], device=device_of(self._patches, self.model))
        output = self.model(batch, output_hidden_states=True)
        pooled = output.get("text_embeds")
        if self._penultimate:
            return output.hidden_states[-clip_skip - 1], pooled
        if clip_skip == 1:
            return output.last_hidden_state, pooled
        norm: nn.Module = self.model.get_submodule("final_layer_norm")
        return norm(output.hidden_states[-clip_skip]), pooled

    @contextmanager
    def _in_place(self, learned: tuple[tuple[int, Learned], ...]) -> Generator[None]:
        """While it is entered, these words' vectors stand in the place of their tokens."""
        if not learned or self._files is None:
            yield
            return
        rows = [(1 + start, self._files.read(word).vectors[self._place]) for start, word in learned]

        def put(_: nn.Module, __: object, embedded: torch.Tensor) -> torch.Tensor:
            embedded = embedded.clone()
            for start, vectors in rows:
                embedded[0, start : start + len(vectors)] = vectors.to(embedded)
            return embedded

        hook = self.model.get_input_embeddings().register_forward_hook(put)
        try:
            yield
        finally:
            hook.remove()

    def _mean_is_meaningful(self, clip_skip: int, weights_key: str) -> bool:
        """Whether restoring the mean makes sense for this encoder.

        CLIP's embeddings have a mean of a tenth of their size. Where an encoder's layer norm
        leaves next to none, the ratio of two such means is noise and would scale the whole
        prompt at random, so there the weights act alone. Decided once from the empty prompt.
        """
        empty = self._encode_one("", clip_skip, weights_key).context.float()
        return bool(empty.mean().abs() > MEANINGFUL_MEAN * empty.square().mean().sqrt())

    def _remember(self, key: tuple[str, int, str], encoded: _Encoded) -> None:
        with self._lock:
            if key not in self._cache:
                self._cached_bytes += encoded.nbytes
            self._cache[key] = encoded
            while self._cached_bytes > CACHE_BYTES and len(self._cache) > 1:
                _, oldest = self._cache.popitem(last=False)
                self._cached_bytes -= oldest.nbytes


def _weighted(filled: Sequence[Chunk]) -> bool:
    return any(weight != 1.0 for chunk in filled for weight in chunk.weights)
