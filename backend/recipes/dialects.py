"""Prompts as other tools weigh them, written as this studio reads them.

- NovelAI: `{more}` multiplies by 1.05, `[less]` divides by it, `1.5::text::` multiplies by a
  number; round brackets are plain.
- InvokeAI (compel): `word+`, `(some words)++`, `word-`, `(some words)1.3`; 1.1 a plus, 0.9 a
  minus.
- ComfyUI: round brackets as here; square ones are plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backend.contracts.errors import enumerated, short

Dialect = Literal["novelai", "invokeai", "comfyui"]
TITLES: dict[Dialect, str] = {
    "novelai": "NovelAI",
    "invokeai": "InvokeAI",
    "comfyui": "ComfyUI",
}
NAMES: tuple[Dialect, ...] = ("novelai", "invokeai", "comfyui")
MAX_DEPTH = 40
MAX_TOLD = 6
_PLUS = re.compile(
    r"(?P<word>[^\W_](?:[\w'’]|-(?=\w)){0,80})(?P<marks>\+{1,20}|-{1,20})(?=[\s,.;:!?)]|$)"
)
_WEIGHED = re.compile(r":\s{0,9}[+-]?(?:\d{1,6}(?:\.\d{0,6})?|\.\d{1,6})\s{0,9}$")
_AFTER = re.compile(r"\+{1,20}|-{1,20}|\d{1,2}(?:\.\d{1,4})?(?=[\s,.;:!?)]|$)")
_NUMBERED = re.compile(r"(?P<weight>-?\d{1,2}(?:\.\d{1,4})?)::(?P<text>[^:{}\[\]]{1,2000})::")
_CALL = re.compile(r"\)\.(?:and|blend|swap)\(|\w\.swap\(")
_BRACES = re.compile(r"(?<!\\)[{}]")


@dataclass(frozen=True)
class Translated:
    """A prompt in this studio's syntax.

    Attributes:
        text: The prompt.
        said: One sentence about what was changed, and one for each thing that could not be.
    """

    text: str
    said: tuple[str, ...] = ()


def dialect_of(tool: str) -> Dialect | None:
    """The syntax of a tool's records, where it is not this studio's own."""
    return next((name for name in NAMES if TITLES[name] == tool), None)


def named(name: object) -> Dialect | None:
    """The dialect of that name."""
    return next((one for one in NAMES if one == name), None)


def guessed(prompt: str) -> Dialect | None:
    """Whose syntax a prompt seems to be written in; None where it looks like this studio's."""
    if _NUMBERED.search(prompt):
        return "novelai"
    if _BRACES.search(prompt) and "|" not in prompt and "$$" not in prompt:
        opened, closed = prompt.count("{"), prompt.count("}")
        if opened == closed:
            return "novelai"
    if _PLUS.search(prompt) or _CALL.search(prompt) or re.search(r"\)(?:\+|-(?![\w(])|\d)", prompt):
        return "invokeai"
    return None


def translated(prompt: str, dialect: Dialect) -> Translated:
    """A prompt of another tool as this studio reads it, with the same weights."""
    match dialect:
        case "novelai":
            text, weights = _novelai(prompt)
        case "invokeai":
            text, weights = _compel(prompt)
        case "comfyui":
            text, weights = re.sub(r"(?<!\\)([\[\]])", r"\\\1", prompt), []
    if text == prompt:
        return Translated(prompt)
    said = [f"Read as {TITLES[dialect]}'s: {enumerated(weights, MAX_TOLD)}."] if weights else []
    if not weights:
        said.append(f"Read as {TITLES[dialect]}'s: brackets that are plain there are escaped.")
    if dialect == "invokeai" and _CALL.search(prompt):
        said.append("Its .and(), .blend() and .swap() have no counterpart here and stay as words.")
    return Translated(text, tuple(said))


def _weighed(text: str, weight: float, told: list[str]) -> str:
    """`(text:weight)`, its blanks outside; nothing where the weight is 1."""
    inner = text.strip()
    number = f"{weight:.5g}"
    if not inner or float(number) == 1:
        return text
    told.append(f"‘{short(inner)[:40]}’ weighs {number}")
    before = text[: len(text) - len(text.lstrip())]
    behind = text[len(text.rstrip()) :]
    return f"{before}({inner}:{number}){behind}"


def _novelai(prompt: str) -> tuple[str, list[str]]:
    told: list[str] = []
    plain = re.sub(r"(?<!\\)([()])", r"\\\1", prompt)
    plain = _NUMBERED.sub(lambda found: f"\x02{found['weight']}\x03{found['text']}\x04", plain)
    made: list[str] = []
    power, factor, run = 0, 1.0, ""
    pieces = re.split(r"((?<!\\)[{}\[\]]|\x02[^\x03]*\x03|\x04)", plain)
    for piece in pieces:
        if piece in ("{", "}", "[", "]", "\x04") or piece.startswith("\x02"):
            made.append(_weighed(run, factor * 1.05**power, told))
            run = ""
            if piece in ("{", "}"):
                power += 1 if piece == "{" else -1
            elif piece in ("[", "]"):
                power += -1 if piece == "[" else 1
            else:
                factor = 1.0 if piece == "\x04" else float(piece[1:-1])
            power = max(-MAX_DEPTH, min(MAX_DEPTH, power))
        else:
            run += piece
    made.append(_weighed(run, factor * 1.05**power, told))
    return "".join(made), told


def _compel(prompt: str) -> tuple[str, list[str]]:
    told: list[str] = []
    words = _PLUS.sub(lambda found: _weighed(found["word"], _marks(found["marks"]), told), prompt)
    return "".join(_groups(words, told)), told


def _groups(text: str, told: list[str]) -> Iterator[str]:
    """The text with what stands behind a closing bracket put inside it."""
    stack: list[list[str]] = [[]]
    at = 0
    for match in re.finditer(r"(?<!\\)[()]", text):
        if match.start() < at:
            continue
        stack[-1].append(text[at : match.start()])
        at = match.end()
        if match[0] == "(" and len(stack) < MAX_DEPTH:
            stack.append([])
        elif match[0] == ")" and len(stack) > 1:
            inner = "".join(stack.pop())
            behind = _AFTER.match(text, at)
            if behind is None:
                # Ours already, or brackets that mean nothing there.
                ours = _WEIGHED.search(inner)
                stack[-1].append(f"({inner})" if ours else inner)
            else:
                at = behind.end()
                stack[-1].append(_weighed(inner, _factor(behind[0]), told))
        else:
            stack[-1].append(match[0])
    stack[-1].append(text[at:])
    while len(stack) > 1:  # never closed: a plain bracket
        inner = "".join(stack.pop())
        stack[-1].append(f"\\({inner}")
    yield from stack[0]


def _factor(behind: str) -> float:
    return _marks(behind) if behind[0] in "+-" else float(behind)


def _marks(marks: str) -> float:
    return (1.1 if marks[0] == "+" else 0.9) ** len(marks)
