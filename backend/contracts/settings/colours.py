"""Colours as text: one, a palette with shares, and rough colours in their places."""

from __future__ import annotations

import re

Rgb = tuple[float, float, float]
"""Channels in 0..1."""
MOST_COLOURS = 16
MOST_CELLS = 16  # along a side
NONE = "."
_ONE = re.compile(r"#?([0-9a-fA-F]{6})")
_SHARE = re.compile(r"#?([0-9a-fA-F]{6})(?::(\d{1,4}(?:\.\d{1,6})?))?")


def rgb(text: str) -> Rgb:
    """#rrggbb -> channels.

    Raises:
        ValueError: It is no such colour.
    """
    found = _ONE.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text[:20]}' is no colour; write #rrggbb")
    red, green, blue = (int(found[1][at : at + 2], 16) / 255.0 for at in (0, 2, 4))
    return red, green, blue


def palette_of(text: str) -> tuple[tuple[Rgb, float], ...]:
    """ "#2060e0:3 #ffffff" -> colours and their shares, which add up to 1.

    Raises:
        ValueError: It is no list of colours.
    """
    words = text.split()
    if not 1 <= len(words) <= MOST_COLOURS:
        raise ValueError(f"a palette has 1 to {MOST_COLOURS} colours, with blanks between")
    found: list[tuple[Rgb, float]] = []
    for word in words:
        match = _SHARE.fullmatch(word)
        if match is None:
            raise ValueError(f"'{word[:20]}' is no colour of a palette; write #rrggbb or #rrggbb:2")
        found.append((rgb(match[1]), float(match[2] or 1)))
    total = sum(share for _, share in found)
    if total <= 0:
        raise ValueError("a palette needs a share above 0")
    return tuple((colour, share / total) for colour, share in found)


def places_of(text: str) -> tuple[tuple[Rgb | None, ...], ...]:
    """ "2060e0 . / . ffffff" -> rows from the top, of colours or of nothing.

    Raises:
        ValueError: The rows are no grid, or nothing is painted.
    """
    rows = [row.split() for row in text.split("/")]
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or not 1 <= max(lengths) <= MOST_CELLS or len(rows) > MOST_CELLS:
        raise ValueError(f"places are rows of one length, up to {MOST_CELLS} x {MOST_CELLS}")
    made = tuple(tuple(None if cell == NONE else rgb(cell) for cell in row) for row in rows)
    if not any(cell for row in made for cell in row):
        raise ValueError("no place has a colour yet; paint one")
    return made
