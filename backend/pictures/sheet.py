"""The picture of an X/Y/Z grid: cells in rows under their labels, one block for each z."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from backend.contracts.events import Pixels
from backend.contracts.settings import Settings, XyzGridSettings

MAX_PIXELS = 48_000_000  # cells are shown smaller where the sheet would be larger
MAX_LINES = 4
PAPER, INK, EMPTY = (255, 255, 255), (24, 24, 27), (228, 228, 231)


@dataclass(frozen=True)
class Sheet:
    """How a grid is laid out.

    Attributes:
        x: Labels of the columns.
        y: Labels of the rows.
        z: Labels of the blocks, one below the other.
        cell_px: (width, height) of the largest cell.
    """

    x: tuple[str, ...]
    y: tuple[str, ...]
    z: tuple[str, ...]
    cell_px: tuple[int, int]

    @classmethod
    def of(cls, settings: XyzGridSettings, cells: Sequence[Settings]) -> Sheet:
        """The layout of a grid whose cells have their sizes resolved."""
        x, y, z = (tuple(mark.label for mark in axis) for axis in settings.axes)
        sizes = [cell.drawn_size for cell in cells]
        return cls(x, y, z, (max(w for w, _ in sizes), max(h for _, h in sizes)))

    @property
    def lying(self) -> dict[str, Any]:
        """How the cells lie, for whoever shows them apart: columns, rows, and each one's label."""
        rows = len(self.y) * len(self.z)
        count = len(self.x) * rows
        labels = [str(self.facts(place)["compared"]) for place in range(count)]
        return {"columns": len(self.x), "rows": rows, "labels": labels}

    def facts(self, place: int) -> dict[str, Any]:
        """Where a cell stands, for its record and its label on the page."""
        columns, rows = len(self.x), len(self.y)
        x, y, z = place % columns, place // columns % rows, place // (columns * rows)
        labels = (self.x[x], self.y[y], self.z[z])
        return {"cell": {"x": x, "y": y, "z": z}, "compared": ", ".join(filter(None, labels))}

    def draw(self, cells: Mapping[int, Pixels], longest_px: int | None = None) -> Pixels:
        """The sheet, (H, W, 3); cells that are missing stay grey.

        Args:
            cells: Place -> picture; x runs fastest, then y, then z.
            longest_px: Both sides of the cells' area together stay below this, for previews.
        """
        columns, rows, blocks = len(self.x), len(self.y), len(self.z)
        width, height = self._cell_px(longest_px)
        gap = max(1, width // 64)
        size = max(9.0, min(40.0, width / 12))
        font = ImageFont.load_default(size)
        left = _margin(self.y, font, width * 0.75, gap)
        x_text = [_wrapped(label, font, width) for label in self.x]
        y_text = [_wrapped(label, font, left - 2 * gap) for label in self.y]
        z_text = [_wrapped(label, font, left + columns * (width + gap)) for label in self.z]
        line = round(size * 1.3)
        top, above = (
            _lines(texts) * line + (gap * 2 if _lines(texts) else 0) for texts in (x_text, z_text)
        )
        block = above + top + rows * (height + gap)
        canvas = Image.new("RGB", (left + columns * (width + gap), blocks * block), PAPER)
        pen = ImageDraw.Draw(canvas)

        def write(text: str, x: float, y: float) -> None:
            pen.multiline_text((x, y), text, INK, font, "mm", spacing=4, align="center")

        for b in range(blocks):
            y0 = b * block
            write(z_text[b], canvas.width / 2, y0 + above / 2)
            for c in range(columns):
                write(x_text[c], left + c * (width + gap) + width / 2, y0 + above + top / 2)
            for r in range(rows):
                down = y0 + above + top + r * (height + gap)
                write(y_text[r], left / 2, down + height / 2)
                for c in range(columns):
                    across = left + c * (width + gap)
                    picture = cells.get((b * rows + r) * columns + c)
                    if picture is None:
                        pen.rectangle((across, down, across + width - 1, down + height - 1), EMPTY)
                    else:
                        _paste(canvas, picture, (across, down, width, height), self.cell_px)
        return np.asarray(canvas)

    def _cell_px(self, longest_px: int | None) -> tuple[int, int]:
        width, height = self.cell_px
        across, down = width * len(self.x), height * len(self.y) * len(self.z)
        scale = min(1.0, (MAX_PIXELS / (across * down)) ** 0.5)
        if longest_px is not None:
            scale = min(scale, longest_px / max(across, down))
        return max(8, round(width * scale)), max(8, round(height * scale))


def _paste(
    canvas: Image.Image,
    picture: Pixels,
    place: tuple[int, int, int, int],
    full_px: tuple[int, int],
) -> None:
    """Puts a cell in the middle of its place, as large as it is against the largest."""
    across, down, width, height = place
    cell_height, cell_width = picture.shape[:2]
    scale = min(width / full_px[0], height / full_px[1])
    size = (
        min(width, max(1, round(cell_width * scale))),
        min(height, max(1, round(cell_height * scale))),
    )
    image = Image.fromarray(picture)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    canvas.paste(image, (across + (width - size[0]) // 2, down + (height - size[1]) // 2))


def _margin(
    labels: Sequence[str],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    widest: float,
    gap: int,
) -> int:
    """Width of the column of labels; 0 where there are none."""
    longest = max(font.getlength(label) for label in labels)
    return round(min(longest, widest)) + 4 * gap if longest else 0


def _lines(texts: Sequence[str]) -> int:
    return max(text.count("\n") + 1 if text else 0 for text in texts)


def _wrapped(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """The label in up to four lines of that width, a word that is too long cut."""
    lines = [""]
    for word in label.split():
        while len(word) > 1 and font.getlength(word) > width:
            word = word[: max(1, int(len(word) * width / font.getlength(word)) - 1)]
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], lines[MAX_LINES - 1] + " …"]
    return "\n".join(lines)
