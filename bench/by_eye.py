"""Pictures judged by eye, blind: shuffled on numbered sheets, and what is what lies apart."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from backend.contracts.events import Pixels

COLUMNS, ROWS, TILE_PX, LINE_PX = 5, 4, 186, 14
KEY, ANSWERS = "key.json", "answers.txt"


def write_sheets(folder: Path, pictures: Mapping[str, Sequence[Pixels]], seed: int = 5) -> None:
    """Sheets of twenty with a number each, and the key.

    Args:
        folder: Where they go; whoever looks writes answers.txt there, a line for each picture:
            its number, and what is seen.
        pictures: Of each way that is compared, in the order of what was asked for.
        seed: Of the order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = [(way, number) for way, drawn in pictures.items() for number in range(len(drawn))]
    random.Random(seed).shuffle(key)
    (folder / KEY).write_text(json.dumps(key), encoding="utf-8")
    size, a_sheet = (TILE_PX, TILE_PX), COLUMNS * ROWS
    for first in range(0, len(key), a_sheet):
        sheet = Image.new("RGB", (COLUMNS * (TILE_PX + 4), ROWS * (TILE_PX + LINE_PX)), "white")
        for at, (way, number) in enumerate(key[first : first + a_sheet]):
            x, y = at % COLUMNS * (TILE_PX + 4), at // COLUMNS * (TILE_PX + LINE_PX)
            ImageDraw.Draw(sheet).text((x + 2, y + 1), str(first + at), fill="black")
            tile = Image.fromarray(pictures[way][number]).resize(size, Image.Resampling.LANCZOS)
            sheet.paste(tile, (x, y + LINE_PX))
        sheet.save(folder / f"sheet-{first // a_sheet}.png")


def seen(folder: Path) -> dict[str, dict[int, str]]:
    """What was written of each way's pictures, by their number in the way.

    Raises:
        KeyError: A picture has no line.
    """
    lines = (folder / ANSWERS).read_text(encoding="utf-8").splitlines()
    told = {int(number): what for number, _, what in (line.partition(" ") for line in lines)}
    found: dict[str, dict[int, str]] = {}
    for at, (way, number) in enumerate(json.loads((folder / KEY).read_text(encoding="utf-8"))):
        found.setdefault(way, {})[number] = told[at].strip()
    return found
