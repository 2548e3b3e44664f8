"""Prompts that change on the way: `[a:b:0.5]`, `[a::n]`, `[:b:n]` and `[a|b]`, as A1111 reads them.

`[a:b:w]` says a, and b from w on; w is a fraction of the run, or a step where it is 1 or more
(a whole number without a point: `1` is a step, `1.0` the whole run). `[a:w]` adds a from w on,
`[a::w]` takes it away there. `[a|b|c]` says one after the other, a step each. They nest; a
backslash makes a bracket, a colon or a bar literal. Everything else in square brackets stays the
attention syntax of `prompt`, which sees the text that remains.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_DEPTH = 20
_NUMBER = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*")
_LEXEME = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)

Text = Callable[[int], str]


@dataclass(frozen=True)
class _Part:
    """One side of a bracket: where it begins and ends among the lexemes."""

    start: int
    end: int


def at_steps(prompt: str, steps: int) -> tuple[str, ...]:
    """The prompt at each of `steps` steps; without such brackets the prompt itself, each time."""
    if "[" not in prompt:
        return (prompt,) * steps
    lexemes = _LEXEME.findall(prompt)
    closing = _brackets(lexemes)
    text = _sequence(lexemes, closing, 0, len(lexemes), steps, 0)
    return tuple(text(step) for step in range(steps))


def _brackets(lexemes: Sequence[str]) -> dict[int, int]:
    """Index of each square bracket that opens -> index of its partner."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    for index, lexeme in enumerate(lexemes):
        if lexeme == "[":
            opened.append(index)
        elif lexeme == "]" and opened:
            closing[opened.pop()] = index
    return closing


def _sequence(
    lexemes: Sequence[str], closing: dict[int, int], start: int, end: int, steps: int, depth: int
) -> Text:
    parts: list[Text | str] = []
    index = start
    while index < end:
        close = closing.get(index)
        if close is None or close >= end or depth >= MAX_DEPTH:
            parts.append(lexemes[index])
            index += 1
            continue
        parts.append(_bracket(lexemes, closing, index, close, steps, depth + 1))
        index = close + 1
    return lambda step: "".join(part if isinstance(part, str) else part(step) for part in parts)


def _bracket(
    lexemes: Sequence[str], closing: dict[int, int], start: int, end: int, steps: int, depth: int
) -> Text:
    """What stands between two square brackets, by step."""
    bars = _separators(lexemes, closing, start + 1, end, "|")
    if bars:
        sides = _sides(start, end, bars)
        texts = [_sequence(lexemes, closing, s.start, s.end, steps, depth) for s in sides]
        return lambda step: texts[step % len(texts)](step)
    colons = _separators(lexemes, closing, start + 1, end, ":")
    number = _NUMBER.fullmatch("".join(lexemes[colons[-1] + 1 : end])) if colons else None
    if number is None or len(colons) > 2:
        inner = _sequence(lexemes, closing, start + 1, end, steps, depth)
        return lambda step: f"[{inner(step)}]"
    switch = _switch(number[1], steps)
    after = _sequence(
        lexemes,
        closing,
        colons[-2] + 1 if len(colons) == 2 else start + 1,
        colons[-1],
        steps,
        depth,
    )
    if len(colons) == 1:
        return lambda step: after(step) if step >= switch else ""
    before = _sequence(lexemes, closing, start + 1, colons[0], steps, depth)
    return lambda step: after(step) if step >= switch else before(step)


def _switch(text: str, steps: int) -> int:
    """The first step (0-based) that sees what comes after."""
    value = float(text)
    if value < 1 or ("." in text and value == 1):
        value *= steps
    return min(int(value), steps)


def _separators(
    lexemes: Sequence[str], closing: dict[int, int], start: int, end: int, mark: str
) -> list[int]:
    """Places of a mark directly between these, outside of inner brackets of either kind."""
    found: list[int] = []
    index, rounds = start, 0
    while index < end:
        lexeme = lexemes[index]
        if index in closing and closing[index] < end:
            index = closing[index]
        elif lexeme == "(":
            rounds += 1
        elif lexeme == ")":
            rounds = max(0, rounds - 1)
        elif lexeme == mark and rounds == 0:
            found.append(index)
        index += 1
    return found


def _sides(start: int, end: int, marks: Sequence[int]) -> list[_Part]:
    edges = [start, *marks, end]
    return [_Part(left + 1, right) for left, right in pairwise(edges)]
