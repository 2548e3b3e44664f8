"""How many tokens a prompt takes, counted by the model's own tokenizer, loaded alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from transformers import CLIPTokenizer

from backend.contracts.conditions import conditions_of
from backend.contracts.errors import LoomError
from backend.contracts.events import TokenCount
from backend.models.catalog.entry import ModelInfo
from backend.models.family import Registry, TokenizerSource
from backend.models.text.chunks import chunks
from backend.models.text.clip_vocabulary import most_tokens
from backend.models.text.embeddings import NO_WORDS, EmbeddingFiles
from backend.models.text.prompt_schedule import at_steps
from backend.resolve.comments import without_comments
from backend.resolve.lora_tags import without_loras

STEPS = 20  # of the run that a prompt which changes on the way is looked at in
KEPT = 4


class TokenCounter:
    """Counts the very chunks that the model's text encoder will be given. Safe from any thread."""

    def __init__(self, families: Registry, files: EmbeddingFiles | None = None) -> None:
        """Loads nothing yet.

        Args:
            families: Who knows the tokenizers.
            files: The textual inversions that prompts may name.
        """
        self._families = families
        self._files = files
        self._tokenizers: OrderedDict[Hashable, CLIPTokenizer] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, info: ModelInfo, text: str) -> TokenCount | None:
        """The chunks of a prompt as it is written.

        Of one that changes on the way, or holds parts that AND joins, the longest.

        Returns:
            None where the tokenizer cannot be had, or the prompt cannot be read.
        """
        with self._lock:  # a tokenizer serves one thread at a time
            try:
                source = self._families.tokenizer(info)
                if source is None:
                    return None
                tokenizer = self._tokenizer(source)
                size = min(most_tokens(tokenizer), source.positions) - 2
                bare = without_loras(without_comments(text))
                said = dict.fromkeys(
                    one.prompt for step in at_steps(bare, STEPS) for one in conditions_of(step)
                )
                files = self._files
                words = NO_WORDS if files is None else files.fitting(info.anatomy.text_widths)
                found = [chunks(one, tokenizer, size, words) for one in said]
            except (LoomError, OSError):
                return None
        longest = max(found, key=lambda one: (len(one), sum(len(c.tokens) for c in one)))
        return TokenCount(tuple(len(chunk.tokens) for chunk in longest), size)

    def _tokenizer(self, source: TokenizerSource) -> CLIPTokenizer:
        if source.key not in self._tokenizers:
            self._tokenizers[source.key] = source.make()
        self._tokenizers.move_to_end(source.key)
        while len(self._tokenizers) > KEPT:
            self._tokenizers.popitem(last=False)
        return self._tokenizers[source.key]
