"""Prompts in the chunks that a text encoder takes: up to 75 tokens between two markers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from transformers import CLIPTokenizer

from backend.contracts.errors import BadInput
from backend.models.text.embeddings import NO_WORDS, Learned, Vocabulary
from backend.models.text.prompt import Run, parse

STAND_IN = 0  # the token in the place of a learned vector; its own embedding is not used


@dataclass(frozen=True)
class Chunk:
    """Tokens between begin and end markers, at most as many as fit.

    Attributes:
        tokens: Their ids.
        weights: Factor of each.
        learned: Words whose vectors stand in the place of tokens, by the first of those.
    """

    tokens: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    learned: tuple[tuple[int, Learned], ...] = ()


def chunks(
    text: str, tokenizer: CLIPTokenizer, size: int, words: Vocabulary = NO_WORDS
) -> list[Chunk]:
    """A prompt's chunks, at least one.

    Args:
        text: With attention syntax; BREAK begins a new chunk.
        tokenizer: Of the encoder.
        size: Tokens that a chunk holds.
        words: Learned words; the vectors of one are never divided between two chunks.

    Raises:
        BadInput: A weight is out of range, or a learned word is longer than a chunk.
    """
    found: list[Chunk] = []
    sections = parse(text)
    for number, section in enumerate(sections):
        filled = list(_filled(section, tokenizer, size, words))
        # BREAK ends a chunk even if it is empty; nothing follows the last one.
        if not filled and number < len(sections) - 1:
            filled.append(Chunk())
        found += filled
    return found or [Chunk()]


def _filled(
    section: tuple[Run, ...], tokenizer: CLIPTokenizer, size: int, words: Vocabulary
) -> Iterator[Chunk]:
    tokens: list[int] = []
    weights: list[float] = []
    learned: list[tuple[int, Learned]] = []
    for ids, weight, word in _units(section, tokenizer, words):
        if len(ids) > size:
            raise BadInput(
                f"The embedding in the prompt fills {len(ids)} tokens, and this model reads "
                f"{size} at once; take it out.",
                "prompt",
            )
        if len(tokens) + len(ids) > size:
            yield Chunk(tuple(tokens), tuple(weights), tuple(learned))
            tokens, weights, learned = [], [], []
        if word is not None:
            learned.append((len(tokens), word))
        tokens += ids
        weights += [weight] * len(ids)
    if tokens:
        yield Chunk(tuple(tokens), tuple(weights), tuple(learned))


def _units(
    section: tuple[Run, ...], tokenizer: CLIPTokenizer, words: Vocabulary
) -> Iterator[tuple[list[int], float, Learned | None]]:
    """What may not be divided: a token, or all the tokens of a learned word."""
    for run in section:
        for piece in words.split(run.text):
            if isinstance(piece, Learned):
                yield [STAND_IN] * piece.vectors, run.weight, piece
                continue
            # verbose=False: longer than the model's context is expected, chunks follow.
            untyped: Any = tokenizer
            ids: list[int] = untyped(piece, add_special_tokens=False, verbose=False).input_ids
            for token in ids:
                yield [token], run.weight, None
