"""The attention syntax of prompts: (more) [less] (exactly:1.3) and BREAK.

Semantics of the AUTOMATIC1111 web UI, whose prompts people paste: round brackets multiply the
weight of what they hold by 1.1, square ones divide it by 1.1, `(x:1.3)` multiplies by 1.3,
brackets nest, a backslash makes a bracket, a brace, a colon, a bar or a hash literal, an opening
bracket that is never closed acts to the end, a closing one without a partner is plain text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from backend.contracts.errors import BadInput

STEP = 1.1
MAX_WEIGHT = 100.0

_LEXEMES = re.compile(
    r"""
    \\[()\[\]\\:|{}\#]                             # an escaped mark
    | :\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*\)       # the end of (x:1.3)
    | [()\[\]]
    | [^\\()\[\]:]+ | [\\:]                       # text
    """,
    re.VERBOSE,
)
_BREAK = re.compile(r"\bBREAK\b")


@dataclass(frozen=True)
class Run:
    """A stretch of text of one weight.

    Attributes:
        text: Without the syntax.
        weight: Factor on the embeddings of its tokens.
    """

    text: str
    weight: float


class _Open:
    """Brackets that are open at a place in the prompt.

    Plain brackets are counted, not multiplied up, so that closing them gives exactly 1 again.
    """

    def __init__(self) -> None:
        self._power = 0
        # Products of the explicit factors that are open: they close in the order of their nesting.
        self._products: list[float] = [1.0]

    def add(self, factor: float | int) -> None:
        """`factor`: the int 1 or -1 for a plain bracket, a float for `(x:1.3)`."""
        if isinstance(factor, int):
            self._power += factor
        else:
            self._products.append(self._products[-1] * factor)

    def remove(self, factor: float | int) -> None:
        if isinstance(factor, int):
            self._power -= factor
        else:
            self._products.pop()

    @property
    def weight(self) -> float:
        # Far beyond MAX_WEIGHT already; the bound keeps the power inside the float range.
        power = max(-500, min(500, self._power))
        return STEP**power * self._products[-1]


def parse(prompt: str) -> tuple[tuple[Run, ...], ...]:
    """Splits a prompt into sections at BREAK, each a sequence of weighted runs.

    Neighbours of the same weight are joined, so a prompt without syntax is one run, unchanged.

    Raises:
        BadInput: A weight lies outside -100..100.
    """
    lexemes = _LEXEMES.findall(prompt)
    partner, factors = _pair(lexemes)
    sections: list[list[tuple[str, float]]] = [[]]
    opened = _Open()
    for index, lexeme in enumerate(lexemes):
        if index in factors:
            opened.add(factors[index])
        elif index in partner:
            opened.remove(factors[partner[index]])
        else:
            literal = lexeme[1:] if len(lexeme) == 2 and lexeme[0] == "\\" else lexeme
            _append(sections, literal, opened.weight)
    return tuple(_join(section) for section in sections)


def _pair(lexemes: list[str]) -> tuple[dict[int, int], dict[int, float | int]]:
    """Pairs brackets.

    Returns:
        Index of the closing lexeme -> index of its opening one, and the factor of each opening
        one: the int 1 or -1 (a power of 1.1), or the float of `(x:1.3)`.
    """
    partner: dict[int, int] = {}
    factors: dict[int, float | int] = {}
    rounds: list[int] = []
    squares: list[int] = []
    for index, lexeme in enumerate(lexemes):
        if lexeme == "(":
            rounds.append(index)
            factors[index] = 1
        elif lexeme == "[":
            squares.append(index)
            factors[index] = -1
        elif lexeme == "]" and squares:
            partner[index] = squares.pop()
        elif lexeme == ")" and rounds:
            partner[index] = rounds.pop()
        elif len(lexeme) > 2 and lexeme[0] == ":" and lexeme[-1] == ")" and rounds:
            partner[index] = rounds.pop()
            factors[partner[index]] = float(lexeme[1:-1])
    return partner, factors


def _append(sections: list[list[tuple[str, float]]], text: str, weight: float) -> None:
    if not abs(weight) <= MAX_WEIGHT:
        raise BadInput(
            f"The prompt weighs '{text.strip()[:40]}' by {weight:.3g}; keep weights between "
            f"-{MAX_WEIGHT:.0f} and {MAX_WEIGHT:.0f}.",
            "prompt",
        )
    pieces = _BREAK.split(text)
    for number, piece in enumerate(pieces):
        # A pattern that takes the blanks with it would try each run of them once for each blank.
        if number:
            sections.append([])
            piece = piece.lstrip()
        if number < len(pieces) - 1:
            piece = piece.rstrip()
        if piece:
            sections[-1].append((piece, weight))


def _join(section: list[tuple[str, float]]) -> tuple[Run, ...]:
    runs: list[tuple[list[str], float]] = []
    for text, weight in section:
        if runs and runs[-1][1] == weight:
            runs[-1][0].append(text)
        else:
            runs.append(([text], weight))
    return tuple(Run("".join(texts), weight) for texts, weight in runs)
