"""Prompts joined by AND: their parts, their weights, and what is said about them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.contracts.conditions import (
    MAX_CONDITIONS,
    Condition,
    conditions_of,
    paired,
    parts,
    plain_word,
    said_of,
)
from backend.contracts.errors import BadInput


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a house AND the sea", [("a house", 1.0), ("the sea", 1.0)]),
        ("a house :1.2 AND the sea:0.6", [("a house", 1.2), ("the sea", 0.6)]),
        ("a beach AND a crowd : -0.5 ", [("a beach", 1.0), ("a crowd", -0.5)]),
        ("a AND (b:1.3) AND c :.5\n", [("a", 1.0), ("(b:1.3)", 1.0), ("c", 0.5)]),
        ("a AND", [("a", 1.0), ("", 1.0)]),
        (r"a AND a clock at 10\:30", [("a", 1.0), (r"a clock at 10\:30", 1.0)]),
        ("a\nAND\nb :2.", [("a", 1.0), ("b", 2.0)]),
        ("(a AND b:2)", [("(a", 1.0), ("b:2)", 1.0)]),  # as A1111 parts it
    ],
)
def test_the_parts_are_a1111s(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert conditions_of(prompt) == tuple(Condition(*one) for one in expected)
    assert parts(prompt) == len(expected)


@pytest.mark.parametrize(
    "prompt", ["", "a house", "16:9", "a :0.5", " sand and land, BRAND, ANDes ", "a_AND_b"]
)
def test_a_prompt_without_it_stays_as_it_is(prompt: str) -> None:
    assert conditions_of(prompt) == (Condition(prompt),)
    assert parts(prompt) == 1
    assert said_of(prompt) == plain_word(prompt) == ()


def test_too_many_parts_and_too_large_weights_are_refused() -> None:
    conditions_of(" AND ".join("a" * MAX_CONDITIONS))
    with pytest.raises(BadInput, match="joins 17 parts by AND; 16 are the most"):
        conditions_of(" AND ".join("a" * (MAX_CONDITIONS + 1)))
    with pytest.raises(BadInput, match="weighs ‘b’ by 101; keep weights between -100 and 100"):
        conditions_of("a AND b :101")
    assert "keep weights" in said_of("a AND b :101")[0]


def test_parts_of_two_prompts_go_together() -> None:
    a, b, x, y = (Condition(name) for name in "abxy")
    assert paired((a, b), (x, y)) == ((a, x), (b, y))
    assert paired((a,), (x, y)) == ((a, x), (a, y))
    assert paired((a, b), (x,)) == ((a, x), (b, x))
    with pytest.raises(BadInput, match="hold 2 and 3 parts") as refusal:
        paired((a, b), (x, y, x))
    assert refusal.value.field == "prompt_b"


def test_the_page_is_told_what_it_does() -> None:
    assert said_of("a AND b :0.6") == (
        "AND: 2 prompts steer the picture side by side, weighing 1 and 0.6.",
    )
    assert "a word in a negative prompt" in plain_word("fog AND rain")[0]


@given(st.text("AND :0.-\\\n(", max_size=200))
@settings(max_examples=50, deadline=None)
def test_no_text_is_an_error_of_ours(prompt: str) -> None:
    with suppress(BadInput):
        assert len(conditions_of(prompt)) == parts(prompt)
