from __future__ import annotations

import time

import pytest

from backend.contracts.errors import BadInput
from backend.models.text.prompt import parse


def flat(prompt: str) -> list[tuple[str, float]]:
    (section,) = parse(prompt)
    return [(run.text, pytest.approx(run.weight)) for run in section]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a house", [("a house", 1)]),
        ("a (red) house", [("a ", 1), ("red", 1.1), (" house", 1)]),
        ("((red))", [("red", 1.21)]),
        ("[red] house", [("red", 1 / 1.1), (" house", 1)]),
        ("(red:1.3) house", [("red", 1.3), (" house", 1)]),
        ("(red : 0.5)", [("red ", 0.5)]),
        ("(a (b:1.5) c)", [("a ", 1.1), ("b", 1.65), (" c", 1.1)]),
        ("((a:2):3)", [("a", 6)]),
        ("([a])", [("a", 1)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1), (" c", 1 / 1.1)]),
        ("(red house", [("red house", 1.1)]),
        ("red) house", [("red) house", 1)]),
        ("red] :1.5) house", [("red] :1.5) house", 1)]),
        (r"\(red\) \[x\] \\ \n", [(r"(red) [x] \ \n", 1)]),
        ("(a:-1.5)", [("a", -1.5)]),
        (r"a\:b, \{c\}, \# d \| e", [("a:b, {c}, # d | e", 1)]),
        (r"(a\:1.5)", [("a:1.5", 1.1)]),
        ("a: b", [("a: b", 1)]),
        ("(a: b)", [("a: b", 1.1)]),
    ],
)
def test_weights_follow_the_web_ui(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert flat(prompt) == expected


def test_closing_brackets_restores_exactly_one() -> None:
    (section,) = parse("((([(a)]))) [[[b]]] c")
    assert section[-1].weight == 1.0


def test_break_splits_into_sections() -> None:
    sections = parse("a red fish BREAK (the sea BREAK:1.2) end BREAKING")
    assert [[run.text for run in section] for section in sections] == [
        ["a red fish"],
        ["the sea"],
        [" end BREAKING"],
    ]
    assert sections[1][0].weight == 1.2


def test_empty_prompt_has_one_empty_section() -> None:
    assert parse("") == ((),)


@pytest.mark.parametrize("prompt", ["(a:1000)", "(" * 60 + "a", "(a:-101)", f"(a:{'9' * 400})"])
def test_absurd_weights_are_refused(prompt: str) -> None:
    with pytest.raises(BadInput, match="keep weights between -100 and 100"):
        parse(prompt)


@pytest.mark.parametrize("prompt", ["(" * 20_000, "[(a)" * 5_000, "\\" * 20_000, "(a:1.0)" * 3000])
def test_hostile_prompts_are_parsed_fast(prompt: str) -> None:
    begin = time.process_time()
    parse(prompt)
    assert time.process_time() - begin < 2
