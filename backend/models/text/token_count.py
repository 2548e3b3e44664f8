"""How many tokens a prompt takes, counted by the model's own tokenizer, loaded alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from transformers import CLIPTokenizer

from backend.contracts.errors import LoomError
from backend.contracts.events import TokenCount
from backend.models.catalog.catalog import ModelInfo
from backend.models.catalog.configs import part_config, text_widths
from backend.models.loading import guarded
from backend.models.text.chunks import chunks
from backend.models.text.clip_vocabulary import clip_tokenizer
from backend.models.text.embeddings import NO_WORDS, EmbeddingShelf
from backend.models.text.prompt_schedule import at_steps
from backend.recipes.a1111 import without_loras

STEPS = 20  # of the run that a prompt which changes on the way is looked at in
KEPT = 4


class TokenCounter:
    """Counts the very chunks that the model's text encoder will be given. Safe from any thread."""

    def __init__(self, shelf: EmbeddingShelf | None = None) -> None:
        """`shelf`: The textual inversions that prompts may name."""
        self._shelf = shelf
        self._tokenizers: OrderedDict[tuple[Path, int], tuple[CLIPTokenizer, int]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, info: ModelInfo, text: str) -> TokenCount | None:
        """The chunks of a prompt as it is written; of one that changes on the way, the longest.

        Returns:
            None where the tokenizer cannot be had, or the prompt cannot be read.
        """
        with self._lock:  # a tokenizer serves one thread at a time
            try:
                tokenizer, size = self._tokenizer(info)
                said = dict.fromkeys(at_steps(without_loras(text), STEPS))
                shelf = self._shelf
                words = NO_WORDS if shelf is None else shelf.fitting(text_widths(info))
                found = [chunks(one, tokenizer, size, words) for one in said]
            except (LoomError, OSError):
                return None
        longest = max(found, key=lambda one: (len(one), sum(len(c.tokens) for c in one)))
        return TokenCount(tuple(len(chunk.tokens) for chunk in longest), size)

    def _tokenizer(self, info: ModelInfo) -> tuple[CLIPTokenizer, int]:
        single = info.path.is_file()
        folder = info.path / "tokenizer"
        # Single files share one vocabulary; what fills a chunk up is not counted.
        key = (Path(), 0) if single else (folder, folder.stat().st_mtime_ns)
        if key not in self._tokenizers:
            tokenizer = (
                clip_tokenizer()
                if single
                else guarded(
                    lambda: CLIPTokenizer.from_pretrained(folder, local_files_only=True),
                    folder.name,
                )
            )
            config = part_config(info, "text_encoder")
            positions = min(tokenizer.model_max_length, config.get("max_position_embeddings", 77))
            self._tokenizers[key] = tokenizer, positions - 2
        self._tokenizers.move_to_end(key)
        while len(self._tokenizers) > KEPT:
            self._tokenizers.popitem(last=False)
        return self._tokenizers[key]
