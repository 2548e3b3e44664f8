"""A prompt as its text encoder reads it: tokens, the words that they spell, how alike they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
import torch.nn.functional as F
from torch import nn

from backend.models.text.clip import TextEncoder

_ENDS = "</w>"  # what the last token of a word ends with, in CLIP's vocabulary


@runtime_checkable
class ReadByClip(Protocol):
    """A model's text whose prompts CLIP reads in chunks; all its encoders cut them alike."""

    @property
    def clip(self) -> TextEncoder:
        """The first of them."""
        ...


@dataclass(frozen=True)
class Token:
    """One token of a prompt.

    Attributes:
        id: In the vocabulary.
        text: As it is spelt; a learned word by its name.
        chunk: Which of the prompt's chunks it is in.
        position: In the conditioning, begin marks counted.
        weight: Of the attention syntax.
        ends: Whether a word ends with it.
        learned: Whether a textual inversion stands in its place.
    """

    id: int
    text: str
    chunk: int
    position: int
    weight: float
    ends: bool
    learned: bool = False


@dataclass(frozen=True)
class Word:
    """Tokens that spell one word.

    Attributes:
        text: The word.
        positions: Of its tokens in the conditioning.
    """

    text: str
    positions: tuple[int, ...]


def tokens_of(encoder: TextEncoder, prompt: str) -> tuple[Token, ...]:
    """The tokens of a prompt in their order, without begin, end and padding marks."""
    found: list[Token] = []
    for number, chunk in enumerate(encoder.chunked(prompt)):
        begins = number * (encoder.chunk_tokens + 2) + 1
        names = {start: word for start, word in chunk.learned}
        left, name = 0, ""
        for place, (ident, weight) in enumerate(zip(chunk.tokens, chunk.weights, strict=True)):
            if place in names:
                left, name = names[place].vectors, names[place].name
            learned, left = left > 0, left - 1
            spelt = name if learned else str(encoder.tokenizer.convert_ids_to_tokens(ident))
            ends = left <= 0 if learned else spelt.endswith(_ENDS)
            text = spelt.removesuffix(_ENDS)
            found.append(Token(ident, text, number, begins + place, weight, ends, learned))
    return tuple(found)


def words_of(tokens: Sequence[Token]) -> tuple[Word, ...]:
    """The words that tokens spell, marks of punctuation left out."""
    found: list[Word] = []
    open_: list[Token] = []
    for token in tokens:
        open_.append(token)
        if not token.ends and token is not tokens[-1]:
            continue
        text = open_[0].text if token.learned else "".join(one.text for one in open_)
        if any(letter.isalnum() for letter in text):
            found.append(Word(text, tuple(one.position for one in open_)))
        open_ = []
    return tuple(found)


@torch.no_grad()
def likeness(encoder: TextEncoder, ids: Sequence[int]) -> torch.Tensor:
    """(n, n): the cosine of each two tokens' embeddings, before any layer has read them."""
    table = cast("nn.Embedding", encoder.model.get_input_embeddings()).weight
    rows = table[torch.tensor(list(ids), dtype=torch.long, device=table.device)].float().cpu()
    units = F.normalize(rows, dim=-1)
    return units @ units.mT
