"""Prompts in chunks: where one ends, what BREAK does, and that a learned word stays whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.models.text.chunks import STAND_IN, Chunk, chunks
from backend.models.text.embeddings import Learned, Vocabulary
from tests.tiny import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
INK = Learned("ink", Path("ink.safetensors"), 3)
WORDS = Vocabulary({"ink": INK})


def ids(text: str) -> tuple[int, ...]:
    return tuple(TOKENIZER(text, add_special_tokens=False).input_ids)


def test_an_empty_prompt_is_one_empty_chunk() -> None:
    assert chunks("", TOKENIZER, 75) == [Chunk()]


def test_a_prompt_is_its_tokens_at_their_weights() -> None:
    (chunk,) = chunks("a (red:1.5) house", TOKENIZER, 75)
    assert chunk.tokens == ids("a") + ids("red") + ids("house")
    red = slice(len(ids("a")), len(ids("a")) + len(ids("red")))
    assert set(chunk.weights[red]) == {1.5}
    assert {*chunk.weights[: red.start], *chunk.weights[red.stop :]} == {1.0}


def test_a_chunk_holds_as_many_as_fit() -> None:
    whole = ids("a red house under a blue sky")
    found = chunks("a red house under a blue sky", TOKENIZER, 3)
    assert [chunk.tokens for chunk in found] == [whole[i : i + 3] for i in range(0, len(whole), 3)]
    (exact,) = chunks("a red house under a blue sky", TOKENIZER, len(whole))
    assert exact.tokens == whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a BREAK red", ["a", "red"]),
        ("BREAK red", ["", "red"]),
        ("a BREAK BREAK red", ["a", "", "red"]),
        ("a BREAK", ["a"]),
        ("BREAK", [""]),
    ],
)
def test_break_ends_a_chunk_even_an_empty_one_but_for_the_last(
    text: str, expected: list[str]
) -> None:
    found = chunks(text, TOKENIZER, 75)
    assert [chunk.tokens for chunk in found] == [ids(part) for part in expected]


def test_a_learned_word_stands_in_for_its_vectors() -> None:
    (chunk,) = chunks("a (ink:1.2) sky", TOKENIZER, 75, WORDS)
    at = len(ids("a"))
    assert chunk.learned == ((at, INK),)
    assert chunk.tokens[at : at + 3] == (STAND_IN,) * 3
    assert chunk.weights[at : at + 3] == (1.2,) * 3
    assert chunk.tokens[at + 3 :] == ids("sky")


def test_a_learned_word_is_never_divided() -> None:
    first, second = chunks("a ink", TOKENIZER, len(ids("a")) + 2, WORDS)
    assert (first.tokens, first.learned) == (ids("a"), ())
    assert second.learned == ((0, INK),)
    (together,) = chunks("a ink", TOKENIZER, len(ids("a")) + 3, WORDS)
    assert len(together.tokens) == len(ids("a")) + 3


def test_one_that_no_chunk_can_hold_is_refused() -> None:
    with pytest.raises(BadInput) as error:
        chunks("ink", TOKENIZER, 2, WORDS)
    assert str(error.value) == (
        "The embedding in the prompt fills 3 tokens, and this model reads 2 at once; take it out."
    )
    assert error.value.field == "prompt"
