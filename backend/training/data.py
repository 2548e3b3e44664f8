"""Pictures with captions, from a folder or from memory."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from backend.errors import BadInput

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
MIN_SIDE_PX = 32
MAX_PIXELS = 64_000_000
MAX_WORDS = 8


@dataclass(frozen=True)
class Picture:
    """One picture to learn.

    Attributes:
        name: To name it in messages.
        image: (H, W, 3) uint8 RGB.
        caption: What it shows.
    """

    name: str
    image: NDArray[np.uint8]
    caption: str


def load_folder(folder: Path, caption: str = "") -> list[Picture]:
    """Reads a folder of pictures.

    Args:
        folder: With a metadata.jsonl, a line {"file_name": ..., "text": ...} for each picture;
            without one, every picture in it is taken.
        caption: For pictures without a metadata.jsonl.

    Raises:
        BadInput: There are none; or a file is missing, outside the folder, or unreadable (named).
    """
    listing = folder / "metadata.jsonl"
    if not folder.is_dir():
        raise BadInput(f"The folder {folder.name} does not exist.", "data")
    if listing.is_file():
        rows = _rows(listing)
    else:
        names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        rows = [(name, caption) for name in names]
    if not rows:
        raise BadInput(f"The folder {folder.name} holds no pictures.", "data")
    root = folder.resolve()
    outside = [name for name, _ in rows if not (root / name).resolve().is_relative_to(root)]
    if outside:
        raise BadInput(f"metadata.jsonl names files outside its folder: {_some(outside)}.", "data")
    missing = [name for name, _ in rows if not (folder / name).is_file()]
    if missing:
        raise BadInput(f"metadata.jsonl names files that are missing: {_some(missing)}.", "data")
    return [Picture(name, _read(folder / name), text) for name, text in rows]


def square(picture: Picture, side: int) -> NDArray[np.uint8]:
    """The largest centred square of a picture, resized.

    Args:
        picture: Any size from 32 px on.
        side: Side of the result, px.

    Raises:
        BadInput: The picture is too small, or no (H, W, 3) uint8 image.
    """
    image = picture.image
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise BadInput(f"The picture {picture.name} is not an RGB picture.", "data")
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise BadInput(
            f"The picture {picture.name} is {width}x{height} px; use pictures of at least "
            f"{MIN_SIDE_PX} px a side.", "data",
        )
    fitted = ImageOps.fit(Image.fromarray(image), (side, side), Image.Resampling.LANCZOS)
    return np.array(fitted)  # a copy: torch warns of memory it may not write


def common_words(captions: Sequence[str]) -> tuple[str, ...]:
    """The phrases between commas that at least half of the captions have, most frequent first."""
    counts: Counter[str] = Counter()
    for caption in captions:
        counts.update({phrase.strip(): 1 for phrase in caption.split(",") if phrase.strip()})
    frequent = [phrase for phrase, count in counts.most_common() if 2 * count >= len(captions)]
    return tuple(frequent[:MAX_WORDS])


def _rows(listing: Path) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    try:
        lines = listing.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"metadata.jsonl cannot be read: {type(error).__name__}.", "data") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name, text = row["file_name"], row["text"]
        except (ValueError, TypeError, KeyError, RecursionError):
            name = text = None
        if not isinstance(name, str) or not isinstance(text, str) or not name or "\0" in name:
            raise BadInput(
                f'Line {number} of metadata.jsonl is not of the form {{"file_name": "...", '
                '"text": "..."}.', "data",
            )
        rows.append((name, text))
    return rows


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise BadInput(f"The picture {path.name} is too large.", "data")
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError,
            Image.DecompressionBombWarning):
        raise BadInput(f"The picture {path.name} cannot be read.", "data") from None


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
