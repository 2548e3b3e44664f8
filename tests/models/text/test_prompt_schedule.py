"""Prompts that change on the way; the cases are those of the A1111 wiki and their kin."""

from __future__ import annotations

import pytest

from backend.models.text.prompt_schedule import at_steps


def runs(prompt: str, steps: int = 10) -> list[tuple[int, str]]:
    """(how many steps, text) in a row."""
    found: list[tuple[int, str]] = []
    for text in at_steps(prompt, steps):
        if found and found[-1][1] == text:
            found[-1] = (found[-1][0] + 1, text)
        else:
            found.append((1, text))
    return found


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a house", [(10, "a house")]),
        ("a [red:blue:0.5] house", [(5, "a red house"), (5, "a blue house")]),
        ("a [red:blue:3] house", [(3, "a red house"), (7, "a blue house")]),
        ("a [red::4] house", [(4, "a red house"), (6, "a  house")]),
        ("a [:blue:4] house", [(4, "a  house"), (6, "a blue house")]),
        ("a [blue:4] house", [(4, "a  house"), (6, "a blue house")]),
        ("[red:blue:1]", [(1, "red"), (9, "blue")]),
        ("[red:blue:1.0]", [(10, "red")]),
        ("[red:blue:0]", [(10, "blue")]),
        ("[red:blue:99]", [(10, "red")]),
        ("[[a:b:2]:c:5]", [(2, "a"), (3, "b"), (5, "c")]),
        ("[a:(b:1.3):0.5]", [(5, "a"), (5, "(b:1.3)")]),
        ("[(a:1.2):b:0.5]", [(5, "(a:1.2)"), (5, "b")]),
        ("[less]", [(10, "[less]")]),
        ("[less: words]", [(10, "[less: words]")]),
        (r"\[a:b:0.5\]", [(10, r"\[a:b:0.5\]")]),
        (r"[a\:x:b:0.5]", [(5, r"a\:x"), (5, "b")]),
        (r"[a\|x|b]", [(1, r"a\|x"), (1, "b")] * 5),
        ("[[more]:b:0.5]", [(5, "[more]"), (5, "b")]),
        ("[a:b:0.5", [(10, "[a:b:0.5")]),
        ("a:b:0.5]", [(10, "a:b:0.5]")]),
    ],
)
def test_what_each_step_sees(prompt: str, expected: list[tuple[int, str]]) -> None:
    assert runs(prompt) == expected


def test_alternation_takes_turns() -> None:
    assert at_steps("a [cow|horse|] here", 4) == (
        "a cow here",
        "a horse here",
        "a  here",
        "a cow here",
    )
    assert at_steps("[a|[b:c:2]]", 4) == ("a", "b", "a", "c")


def test_hostile_depth_ends() -> None:
    assert len(at_steps("[" * 3000 + "a" + ":b:0.5]" * 3000, 2)) == 2
