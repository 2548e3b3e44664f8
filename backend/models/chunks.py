"""Prompts in the chunks that a text encoder takes: up to 75 tokens between two markers."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import CLIPTokenizer

from backend.models.prompt import Run, parse


@dataclass(frozen=True)
class Chunk:
    """Tokens between begin and end markers, and their weights; at most as many as fit."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]


def chunks(text: str, tokenizer: CLIPTokenizer, size: int) -> list[Chunk]:
    """A prompt's chunks, at least one.

    Args:
        text: With attention syntax; BREAK begins a new chunk.
        tokenizer: Of the encoder.
        size: Tokens that a chunk holds.

    Raises:
        BadInput: A weight is out of range.
    """
    found: list[Chunk] = []
    sections = parse(text)
    for number, section in enumerate(sections):
        tokens, weights = _tokens(section, tokenizer)
        starts = range(0, len(tokens), size)
        found += [
            Chunk(tuple(tokens[start : start + size]), tuple(weights[start : start + size]))
            for start in starts
        ]
        # BREAK ends a chunk even if it is empty; nothing follows the last one.
        if not tokens and number < len(sections) - 1:
            found.append(Chunk((), ()))
    return found or [Chunk((), ())]


def _tokens(
    section: tuple[Run, ...], tokenizer: CLIPTokenizer
) -> tuple[list[int], list[float]]:
    tokens: list[int] = []
    weights: list[float] = []
    for run in section:
        # verbose=False: longer than the model's context is expected, chunks follow.
        ids = tokenizer(run.text, add_special_tokens=False, verbose=False).input_ids
        tokens += ids
        weights += [run.weight] * len(ids)
    return tokens, weights
