"""The stand-in's reader."""

from __future__ import annotations

from backend.contracts.lab.words import Read, WordsSettings
from backend.contracts.requests import Request
from backend.engine.fake.lab.words import halves, likeness, look


def test_long_words_are_two_tokens() -> None:
    assert halves("boat") == [("boat", True)]
    assert halves("watercolour") == [("water", False), ("colour", True)]
    (seen,) = look(Request(WordsSettings(prompt="a watercolour boat")))
    assert isinstance(seen.facts, Read)
    assert [token.text for token in seen.facts.tokens] == ["a", "water", "colour", "boat"]
    assert seen.facts.likeness[0][0] == likeness("a", "a") == 1
