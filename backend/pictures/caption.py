"""A picture with lines of text below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from backend.contracts.events import Pixels

PAPER, INK = (255, 255, 255), (24, 24, 27)


def captioned(picture: Pixels, lines: Sequence[str]) -> Pixels:
    """The picture (H, W, 3), a strip for so many lines added below.

    Lines that are wider than the picture are written smaller.
    """
    height, width = picture.shape[:2]
    size = max(8.0, min(40.0, width / 12))
    widest = max((ImageFont.load_default(size).getlength(line) for line in lines), default=0.0)
    font = ImageFont.load_default(size if widest <= width else max(6.0, size * width / widest))
    step = round(size * 1.3)
    canvas = Image.new("RGB", (width, height + step * len(lines)), PAPER)
    canvas.paste(Image.fromarray(picture), (0, 0))
    pen = ImageDraw.Draw(canvas)
    for number, line in enumerate(lines):
        pen.text((width / 2, height + step * (number + 0.5)), line, INK, font, "mm")
    return np.asarray(canvas)
