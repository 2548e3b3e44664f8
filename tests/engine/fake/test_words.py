"""How the stand-in counts a prompt's words."""

from __future__ import annotations

import pytest

from backend.engine.fake.words import count


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("", (0,)),
        ("a red house", (3,)),
        ("a red, big house!", (6,)),
        ("(red:1.5) [house] ((a))", (3,)),
        ("a ( red : +1.2 ) house", (3,)),
        ("a house <lora:ink:0.8>", (2,)),
        ("a BREAK b c", (1, 2)),
        ("a BREAK", (1, 0)),
        ("BREAKFAST", (1,)),
        ("word " * 75, (75,)),
        ("word " * 76, (75, 1)),
        ("word " * 150 + "BREAK b", (75, 75, 1)),
    ],
)
def test_words_and_marks_fill_chunks_of_75(text: str, chunks: tuple[int, ...]) -> None:
    found = count(text)
    assert found.chunks == chunks
    assert found.size == 75
