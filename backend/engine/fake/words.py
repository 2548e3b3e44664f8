"""Prompts as `FakeEngine` reads them."""

from __future__ import annotations

import re

from backend.contracts.events import TokenCount
from backend.resolve.lora_tags import without_loras

_SIZE = 75
_WEIGHT = re.compile(r":\s*[+-]?[\d.]+\s*\)|[()\[\]]")
_TOKEN = re.compile(r"\w+|[^\w\s]")


def count(text: str) -> TokenCount:
    """Words and marks without the attention syntax; BREAK begins a new chunk."""
    filled: list[int] = []
    for section in re.split(r"\bBREAK\b", _WEIGHT.sub(" ", without_loras(text))):
        tokens = len(_TOKEN.findall(section))
        filled += [min(_SIZE, tokens - start) for start in range(0, max(1, tokens), _SIZE)]
    return TokenCount(tuple(filled), _SIZE)
