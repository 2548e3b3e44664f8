"""A prompt read by a stand-in: a token is a word, or half of a long one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backend.contracts.lab.words import MOST_ALIKE, Read, ReadToken
from backend.contracts.requests import Request
from backend.engine.fake.lab.seen import Seen, shown

CHUNK, LONG = 75, 8


def look(request: Request) -> Iterator[Seen]:
    """The tokens, and squares for how alike they are spelt."""
    settings = request.settings
    spelt = [part for word in settings.prompt.split() for part in halves(word)]
    tokens = tuple(
        ReadToken(sum(map(ord, text)), text, place // CHUNK, 1.0, ends, learned=False)
        for place, (text, ends) in enumerate(spelt)
    )
    alike = tuple(dict.fromkeys(text for text, _ in spelt))[:MOST_ALIKE]
    rows = tuple(tuple(likeness(one, other) for other in alike) for one in alike)
    image = np.full((16, 16, 3), 128, np.uint8)
    found = Read(tokens, CHUNK, max(1, -(-len(tokens) // CHUNK)), alike, rows)
    yield Seen((shown(settings, 0, image),), found)


def halves(word: str) -> list[tuple[str, bool]]:
    """The tokens of a word, and whether it ends with them."""
    if len(word) <= LONG:
        return [(word, True)]
    middle = len(word) // 2
    return [(word[:middle], False), (word[middle:], True)]


def likeness(one: str, other: str) -> float:
    """The share of letters that both have."""
    both, any_ = set(one) & set(other), set(one) | set(other)
    return round(len(both) / max(1, len(any_)), 3)
