"""How a person names results' files: words in brackets stand for what is known of a picture."""

from __future__ import annotations

import re

WORDS = (
    *("date", "time", "index", "seed", "model", "prompt", "mode", "source"),
    *("width", "height", "steps", "sampler", "guidance"),
)
STANDARD = "[time]_[seed]_[index]"
MAX_PATTERN_CHARS = 200
WORD = re.compile(r"\[([^\[\]]{0,40})\]")


def check_pattern(pattern: str) -> str:
    """The pattern, where it can name files inside one folder.

    Raises:
        ValueError: It names folders, or a word that stands for nothing.
    """
    if set(pattern) & set("/\\"):
        raise ValueError(
            "a file name holds no folders, so leave out / and \\; each day has its own anyway"
        )
    for word in WORD.findall(pattern):
        if word.lower() not in WORDS:
            known = " ".join(f"[{name}]" for name in WORDS)
            raise ValueError(f"[{word}] stands for nothing in a file name; use {known}")
    return pattern
