"""Prompts of other tools, translated: the weights are theirs, the text stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.models.text.prompt import parse
from backend.recipes.dialects import Dialect, dialect_of, guessed, named, translated


def weights(text: str) -> dict[str, float]:
    """What a prompt weighs, by its words."""
    runs = [run for section in parse(text) for run in section]
    return {run.text.strip(" ,"): round(run.weight, 4) for run in runs if run.text.strip(" ,")}


@pytest.mark.parametrize(
    ("dialect", "prompt", "found"),
    [
        ("novelai", "a {red} house", {"a": 1, "red": 1.05, "house": 1}),
        ("novelai", "{{red}}, [blue]", {"red": 1.1025, "blue": 0.9524}),
        ("novelai", "{a {b}}", {"a": 1.05, "b": 1.1025}),
        ("novelai", "1.5::red hair::, cat (x)", {"red hair": 1.5, "cat (x)": 1}),
        ("novelai", "-1::fog::", {"fog": -1}),
        ("invokeai", "a red+ house++", {"a": 1, "red": 1.1, "house": 1.21}),
        ("invokeai", "(red house)++ fog-", {"red house": 1.21, "fog": 0.9}),
        ("invokeai", "a (tall tower)1.3, sky", {"a": 1, "tall tower": 1.3, "sky": 1}),
        ("invokeai", "(plain) words", {"plain words": 1}),
        ("invokeai", "semi-realistic, t-shirt", {"semi-realistic, t-shirt": 1}),
        ("invokeai", "already (ours:1.2)", {"already": 1, "ours": 1.2}),
        ("comfyui", "a [red] (house:1.2)", {"a [red]": 1, "house": 1.2}),
    ],
)
def test_weights_are_the_tools(dialect: Dialect, prompt: str, found: dict[str, float]) -> None:
    assert weights(translated(prompt, dialect).text) == found


def test_what_was_changed_is_one_line() -> None:
    said = translated("{red} house, {{blue}}", "novelai").said
    assert said == ("Read as NovelAI's: ‘red’ weighs 1.05 and ‘blue’ weighs 1.1025.",)
    assert translated("a plain prompt", "novelai").said == ()
    calls = translated('("a", "b").blend(0.7, 0.3) cat+', "invokeai").said
    assert ".blend()" in calls[1]


@pytest.mark.parametrize(
    ("prompt", "dialect"),
    [
        ("a {red} house", "novelai"),
        ("1.2::red::", "novelai"),
        ("a {red|blue} house", None),
        ("{2$$a|b}", None),
        ("a red++ house", "invokeai"),
        ("(red house)1.2", "invokeai"),
        ("(red house)+", "invokeai"),
        ("a (red:1.2) [house], t-shirt, 8k", None),
        ("(a)(b), (c) - d", None),
        ("", None),
        ("{", None),
    ],
)
def test_a_look_at_the_text(prompt: str, dialect: Dialect | None) -> None:
    assert guessed(prompt) == dialect


def test_names() -> None:
    assert dialect_of("InvokeAI") == named("invokeai") == "invokeai"
    assert dialect_of("A1111") is None
    assert named(["x"]) is None


@given(st.text("ab {}[]()+-:1.\\,|", max_size=60))
def test_no_text_is_an_error(prompt: str) -> None:
    for dialect in ("novelai", "invokeai", "comfyui"):
        made = translated(prompt, dialect)
        assert translated("x", dialect).text == "x"
        assert made.said or made.text == prompt
    guessed(prompt)
