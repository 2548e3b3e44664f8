"""Whether a regular expression can take more than linear time, told from its syntax tree.

Python's matcher goes back and tries again. Three shapes make it try each place of a long text once
for each other place, so that n blanks cost n * n steps:

- an unbounded repeat that a search begins with: each start runs to the end of the blanks;
- two unbounded repeats that meet and accept the same characters: each way to share them is tried;
- an unbounded repeat inside another.

A fourth one is searched for too: a beginning that the repeat behind it swallows, while the end that
it looks for is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

SAMPLE = [chr(code) for code in range(256)] + ["ſ", "日", "\u2028"]
MANY = 1000
"""From so many repetitions on, a bound is none."""

Letters = frozenset[str]
_ZERO_WIDTH = (ops.AT, ops.ASSERT, ops.ASSERT_NOT)
_SINGLE = (ops.LITERAL, ops.NOT_LITERAL, ops.IN, ops.ANY, ops.CATEGORY)


def problems(pattern: str, flags: int = 0, *, searched: bool = True) -> list[str]:
    """What could make this pattern slow.

    Args:
        searched: Whether it may begin anywhere in a text; False for `match` and `fullmatch`.
    """
    tree = list(parser.parse(pattern, flags))
    found: list[str] = []
    _walk(tree, flags, [], found)
    if searched:
        found += _beginning(tree, flags)
    return found


def _letters(item: tuple[Any, Any], flags: int) -> Letters:
    """The characters of the sample that a single-character item accepts."""
    op, value = item
    if op is ops.LITERAL:
        return frozenset(c for c in SAMPLE if _same(c, chr(value), flags))
    if op is ops.NOT_LITERAL:
        return frozenset(c for c in SAMPLE if not _same(c, chr(value), flags))
    if op is ops.ANY:
        return frozenset(c for c in SAMPLE if flags & re.DOTALL or c != "\n")
    if op is ops.CATEGORY:
        return _letters((ops.IN, [item]), flags)
    inside: set[str] = set()
    negated = False
    for kind, detail in value:
        if kind is ops.NEGATE:
            negated = True
        elif kind is ops.LITERAL:
            inside |= {c for c in SAMPLE if _same(c, chr(detail), flags)}
        elif kind is ops.RANGE:
            inside |= {c for c in SAMPLE if detail[0] <= ord(c) <= detail[1]}
        else:
            inside |= {c for c in SAMPLE if re.fullmatch(_CLASSES[detail], c)}
    return frozenset(set(SAMPLE) - inside if negated else inside)


_CLASSES = {
    ops.CATEGORY_DIGIT: r"\d",
    ops.CATEGORY_NOT_DIGIT: r"\D",
    ops.CATEGORY_SPACE: r"\s",
    ops.CATEGORY_NOT_SPACE: r"\S",
    ops.CATEGORY_WORD: r"\w",
    ops.CATEGORY_NOT_WORD: r"\W",
}


def _same(one: str, other: str, flags: int) -> bool:
    return one.lower() == other.lower() if flags & re.IGNORECASE else one == other


def _parts(item: tuple[Any, Any]) -> Iterator[list[tuple[Any, Any]]]:
    """The sequences inside an item."""
    op, value = item
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        yield list(value[2])
    elif op is ops.SUBPATTERN:
        yield list(value[3])
    elif op is ops.ATOMIC_GROUP:
        yield list(value)
    elif op is ops.BRANCH:
        yield from (list(branch) for branch in value[1])


def _all_letters(items: Sequence[tuple[Any, Any]], flags: int) -> Letters:
    found: set[str] = set()
    for item in items:
        if item[0] in _SINGLE:
            found |= _letters(item, flags)
        for part in _parts(item):
            found |= _all_letters(part, flags)
    return frozenset(found)


def _is_repeat(item: tuple[Any, Any]) -> bool:
    return item[0] in (ops.MAX_REPEAT, ops.MIN_REPEAT)


def _unbounded(item: tuple[Any, Any]) -> bool:
    return _is_repeat(item) and (item[1][1] is ops.MAXREPEAT or item[1][1] >= MANY)


def _holds_unbounded(items: Sequence[tuple[Any, Any]]) -> bool:
    return any(
        _unbounded(item) or any(_holds_unbounded(part) for part in _parts(item)) for item in items
    )


def _nullable(item: tuple[Any, Any]) -> bool:
    if item[0] in _ZERO_WIDTH or (_is_repeat(item) and item[1][0] == 0):
        return True
    if item[0] in _SINGLE:
        return False
    return any(all(_nullable(inner) for inner in part) for part in _parts(item))


def _walk(
    items: Sequence[tuple[Any, Any]], flags: int, before: list[Letters], found: list[str]
) -> list[Letters]:
    """Looks for repeats that meet; `before` are those that reach up to here."""
    reach = list(before)
    for item in items:
        if item[0] in _ZERO_WIDTH:
            continue
        if _is_repeat(item):
            body = list(item[1][2])
            letters = _all_letters(body, flags)
            if _unbounded(item) and _holds_unbounded(body):
                inner = _walk(body, flags, reach, found)
                if _walk(body, flags, inner, again := []) and again:
                    found.append("an unbounded repeat inside another")
                reach = reach + inner if item[1][0] == 0 else inner
            elif _unbounded(item):
                if any(letters & other for other in reach):
                    found.append("two unbounded repeats meet and accept the same characters")
                reach = [*(reach if item[1][0] == 0 else []), letters]
            else:
                inner = _walk(body, flags, reach, found)
                reach = reach + inner if item[1][0] == 0 else inner
        elif item[0] in _SINGLE:
            letters = _letters(item, flags)
            reach = [other for other in reach if letters & other]
        else:
            ends = [_walk(part, flags, reach, found) for part in _parts(item)]
            reach = [letters for end in ends for letters in end]
    return reach


def _beginning(tree: Sequence[tuple[Any, Any]], flags: int) -> list[str]:
    """What is wrong with how a searched pattern begins."""
    lines = bool(flags & re.MULTILINE)
    for place, item in enumerate(tree):
        if item[0] is ops.AT and item[1] in (ops.AT_BEGINNING, ops.AT_BEGINNING_STRING):
            if not lines:
                return []
            head = tree[place + 1] if place + 1 < len(tree) else None
            swallows = head is not None and _unbounded(head)
            inside = swallows and "\n" in _all_letters(list(head[1][2]), flags)
            return ["a search for line beginnings starts with a repeat over lines"] * bool(inside)
        if item[0] in _ZERO_WIDTH:
            continue
        if _leads_with_repeat(item):
            return ["a search begins with an unbounded repeat"]
        if _nullable(item):
            continue
        return _swallowed(item, tree[place + 1 :], flags)
    return []


def _leads_with_repeat(item: tuple[Any, Any]) -> bool:
    if _is_repeat(item):
        # One or more of something, and nothing behind it, is simply taken: no second try.
        return _unbounded(item) and item[1][0] == 0
    return any(part and _leads_with_repeat(part[0]) for part in _parts(item))


def _swallowed(head: tuple[Any, Any], rest: Sequence[tuple[Any, Any]], flags: int) -> list[str]:
    first = _all_letters([head], flags)
    for place, item in enumerate(rest):
        needed = any(not _nullable(later) for later in rest[place + 1 :])
        if _unbounded(item) and needed and first <= _all_letters(list(item[1][2]), flags):
            return ["the repeat swallows further beginnings while the end is missing"]
    return []
