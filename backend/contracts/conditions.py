"""Prompts that are drawn side by side: `a house AND the sea :0.6`, as A1111 reads them.

Composable diffusion (Liu et al. 2022, 2206.01714, eq. 11): each part steers the same picture by
itself, by its own weight. Read after what changes on the way, so a part may come and go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.contracts.errors import BadInput, enumerated, short

MAX_CONDITIONS = 16
MAX_WEIGHT = 100.0
_AND = re.compile(r"\bAND\b")
# An escaped colon is one; `(red:1.2)` ends with its bracket.
_WEIGHT = re.compile(r"(?<!\\):\s{0,9}([+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\Z")


@dataclass(frozen=True)
class Condition:
    """What steers a picture, beside others.

    Attributes:
        prompt: Its words.
        weight: How much of the guidance is its own; below 0 it pushes away.
    """

    prompt: str
    weight: float = 1.0


def parts(prompt: str) -> int:
    """How many prompts one text holds; of one that changes on the way, the most."""
    return 1 + len(_AND.findall(prompt))


def conditions_of(prompt: str) -> tuple[Condition, ...]:
    """The prompts that a text joins by AND, at least one; without it the text itself, as it is.

    Raises:
        BadInput: They are too many, or a weight is too large.
    """
    texts = _AND.split(prompt)
    if len(texts) == 1:
        return (Condition(prompt),)
    if len(texts) > MAX_CONDITIONS:
        raise BadInput(
            f"The prompt joins {len(texts)} parts by AND; {MAX_CONDITIONS} are the most, so join "
            "some of them by commas.",
            "prompt",
        )
    return tuple(_condition(text.strip()) for text in texts)


def paired(
    ours: Sequence[Condition], theirs: Sequence[Condition]
) -> tuple[tuple[Condition, Condition], ...]:
    """The parts of two prompts that are mixed with each other; a single one goes with each.

    Raises:
        BadInput: Both have several, and not as many.
    """
    if len(ours) != len(theirs) and min(len(ours), len(theirs)) > 1:
        raise BadInput(
            f"Prompt and second prompt hold {len(ours)} and {len(theirs)} parts joined by AND; "
            "give them as many, or one of them a single one.",
            "prompt_b",
        )
    count = max(len(ours), len(theirs))
    return tuple((ours[i % len(ours)], theirs[i % len(theirs)]) for i in range(count))


def said_of(prompt: str) -> tuple[str, ...]:
    """A sentence about what AND makes of a prompt, where it stands in it."""
    try:
        found = conditions_of(prompt)
    except BadInput as error:
        return (str(error),)
    if len(found) == 1:
        return ()
    weights = enumerated([f"{one.weight:g}" for one in found], MAX_CONDITIONS)
    return (f"AND: {len(found)} prompts steer the picture side by side, weighing {weights}.",)


def plain_word(text: str) -> tuple[str, ...]:
    """A sentence where AND stands in a text whose parts are not drawn side by side."""
    if parts(text) == 1:
        return ()
    return ("AND is a word in a negative prompt; only the prompt is drawn in parts.",)


def _condition(text: str) -> Condition:
    found = _WEIGHT.search(text)
    if found is None:
        return Condition(text)
    words, weight = text[: found.start()].rstrip(), float(found[1])
    if abs(weight) > MAX_WEIGHT:
        raise BadInput(
            f"AND weighs ‘{short(words)[:40]}’ by {weight:.3g}; keep weights between "
            f"-{MAX_WEIGHT:.0f} and {MAX_WEIGHT:.0f}.",
            "prompt",
        )
    return Condition(words, weight)
