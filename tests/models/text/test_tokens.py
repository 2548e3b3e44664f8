"""Tokens of a prompt, and the words that they spell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from backend.models.text.chunks import Chunk
from backend.models.text.tokens import Token, likeness, tokens_of, words_of

SPELT = ["<learned>", "bo", "at</w>", ",</w>", "a</w>"]


def encoder(*chunks: Chunk) -> Any:
    table = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [-1.0, 0.0], [0.0, 1.0]])
    embedded = SimpleNamespace(weight=table)
    return SimpleNamespace(
        chunked=lambda text: list(chunks),
        chunk_tokens=3,
        tokenizer=SimpleNamespace(convert_ids_to_tokens=lambda ident: SPELT[ident]),
        model=SimpleNamespace(get_input_embeddings=lambda: embedded),
    )


def test_positions_count_the_marks_of_each_chunk() -> None:
    found = tokens_of(encoder(Chunk((1, 2, 3), (1.0, 1.0, 1.0)), Chunk((4,), (1.2,))), "")
    assert [(one.text, one.chunk, one.position) for one in found] == [
        ("bo", 0, 1),
        ("at", 0, 2),
        (",", 0, 3),
        ("a", 1, 6),
    ]
    assert [one.weight for one in found][-1] == 1.2
    assert [(one.text, one.positions) for one in words_of(found)] == [
        ("boat", (1, 2)),
        ("a", (6,)),
    ]


def test_a_learned_word_is_one_word_of_several_tokens() -> None:
    word: Any = SimpleNamespace(name="my-style", vectors=2)
    found = tokens_of(encoder(Chunk((0, 0, 4), (1.0,) * 3, ((0, word),))), "")
    assert [one.learned for one in found] == [True, True, False]
    assert [(one.text, one.positions) for one in words_of(found)] == [
        ("my-style", (1, 2)),
        ("a", (3,)),
    ]


def test_likeness_is_the_cosine() -> None:
    made = likeness(encoder(), [0, 1, 3])
    torch.testing.assert_close(made, torch.tensor([[1.0, 0, -1], [0, 1, 0], [-1, 0, 1]]))


def test_a_word_that_does_not_end_is_one_too() -> None:
    assert [one.text for one in words_of([Token(1, "bo", 0, 1, 1.0, ends=False)])] == ["bo"]
