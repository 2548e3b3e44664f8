"""A run of the stand-in that looks at its words from left to right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backend.contracts.lab.words import Attended
from backend.contracts.requests import Request
from backend.engine.fake import picture as fake_picture
from backend.engine.fake.lab.seen import Seen, shown

SIDE = 8


def look(request: Request) -> Iterator[Seen]:
    """Nothing on the way, then the picture with its maps."""
    settings = request.settings
    words = tuple(settings.prompt.split())
    for _ in range(settings.steps):
        yield Seen()
    image = fake_picture.draw(settings.prompt, settings.seed, *settings.drawn_size)
    views = {f"word-{n}": strip(n, len(words), settings.steps) for n in range(len(words))}
    shares = ((round(1 / max(1, len(words)), 4),) * settings.steps,) * len(words)
    yield Seen(
        (shown(settings, 0, image, views),), Attended(words, shares, settings.steps, (SIDE, SIDE))
    )


def strip(word: int, words: int, steps: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(SIDE, steps SIDE, 3): a bright column where the word is, fainter at first."""
    made = np.zeros((SIDE, steps, SIDE, 3), np.uint8)
    for step in range(steps):
        made[:, step, word * SIDE // max(1, words)] = 255 * (step + 1) // steps
    return made.reshape(SIDE, steps * SIDE, 3)
