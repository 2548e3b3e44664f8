"""Comments in prompts: from a `#` at a line's beginning or behind a blank to the line's end."""

from __future__ import annotations

import re

from backend.contracts.settings import Settings
from backend.resolve.wildcards import prompts_of, with_prompts

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")


def without_comments(text: str) -> str:
    """The text as a model reads it; lines that held nothing else go."""
    if "#" not in text:
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        bare = _COMMENT.sub("", line)
        if bare == line:
            lines.append(line)
        elif bare.strip():
            lines.append(bare.rstrip())
    return "\n".join(lines)


def take_comments(settings: Settings) -> Settings:
    """The settings without the comments in their prompts."""
    changed = {
        name: bare
        for name, text in prompts_of(settings).items()
        if (bare := without_comments(text)) != text
    }
    return with_prompts(settings, changed) if changed else settings
