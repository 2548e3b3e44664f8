"""Which words of a prompt are embeddings: names of files, looked up as they stand in the text."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from backend.models.catalog.catalog import Catalog
from backend.models.text.embedding_file import Embedding, read_embedding
from backend.models.text.embedding_header import header_of, stamp

KEPT = 64
_EDGE = r"[\w-]"  # a name stands alone: "ink" is not in "ink-2", nor in "drink"


@dataclass(frozen=True)
class Learned:
    """A word that stands for learned vectors.

    Attributes:
        name: File stem.
        path: The file.
        vectors: How many tokens it fills.
        inside: Its name in the file of a LoRA; "" where the file is its own.
    """

    name: str
    path: Path
    vectors: int
    inside: str = ""


@dataclass(frozen=True)
class Vocabulary:
    """The learned words that one model understands, as the folders hold them now."""

    words: Mapping[str, Learned] = field(default_factory=dict[str, Learned])

    def split(self, text: str) -> Iterator[str | Learned]:
        """A text in pieces, learned words apart; upper and lower case are the same.

        ComfyUI's way of writing them, `embedding:name`, is understood too.
        """
        if not self.words:
            yield text
            return
        at = 0
        for match in _pattern(tuple(self.words)).finditer(text):
            if match.start() > at:
                yield text[at : match.start()]
            yield self.words[match["name"].casefold()]
            at = match.end()
        if at < len(text):
            yield text[at:]

    def named(self, texts: Sequence[str]) -> tuple[Learned, ...]:
        """The learned words in some texts, each once, in the order in which they come."""
        found = {
            piece.name: piece
            for text in texts
            for piece in self.split(text)
            if isinstance(piece, Learned)
        }
        return tuple(found.values())


NO_WORDS = Vocabulary()


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    either = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<!{_EDGE})(?:embedding:)?(?P<name>{either})(?!{_EDGE})", re.IGNORECASE)


class EmbeddingFiles:
    """Embeddings by name; files are read when a prompt first names them. Safe from any thread.

    Args:
        catalog: Where they lie.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._files: OrderedDict[tuple[Path, int, int, str], Embedding] = OrderedDict()
        self._lock = threading.Lock()

    def fitting(self, widths: tuple[int, ...]) -> Vocabulary:
        """The words for a model whose text encoders are so wide."""
        found: dict[str, Learned] = {}
        for info in self._catalog.models("embedding"):
            header = None if info.problem else header_of(info.path, info.inside)
            if header is not None and header.widths == widths:
                found[info.name.casefold()] = Learned(
                    info.name, info.path, header.vectors, info.inside
                )
        return Vocabulary(found)

    def read(self, word: Learned) -> Embedding:
        """Its vectors.

        Raises:
            ModelProblem: Its file went away or is damaged.
        """
        key = *stamp(word.path), word.inside
        with self._lock:
            found = self._files.get(key) or read_embedding(word.path, word.inside)
            self._files[key] = found
            self._files.move_to_end(key)
            while len(self._files) > KEPT:
                self._files.popitem(last=False)
            return found
