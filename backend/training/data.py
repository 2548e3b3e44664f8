"""Pictures with captions, from a folder or from memory."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from backend.contracts.errors import BadInput
from backend.contracts.settings.train_lora import MAX_PICTURES
from backend.pictures.budget import Budget
from backend.pictures.decode import decode
from backend.pictures.zipped import archive_of

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
MIN_SIDE_PX = 32
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
        try:
            rows = _rows(listing.read_bytes())
        except OSError as error:
            raise BadInput(
                f"metadata.jsonl cannot be read: {type(error).__name__}.", "data"
            ) from None
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
    seen: dict[str, NDArray[np.uint8]] = {}
    for name in dict.fromkeys(name for name, _ in rows):
        seen[name] = _read(folder / name, name)
    return [Picture(name, seen[name], text) for name, text in rows]


def load_files(
    files: Mapping[str, bytes], caption: str = "", budget: Budget | None = None
) -> list[Picture]:
    """Reads what somebody sent: pictures, captions beside them, zips of both.

    Names, counts and sizes are checked before anything is unpacked, and each file is decoded once,
    however often it is named.

    Args:
        files: By name, folders with "/". With a metadata.jsonl its rows are taken; without, every
            picture, its caption from the .txt file of the same name where there is one. Zips are
            looked into.
        caption: For pictures without one.
        budget: Of the request.

    Raises:
        BadInput: There are no pictures, or too many; a file is missing, too large or unreadable
            (named); or all together are more than the budget allows.
    """
    budget = budget or Budget()
    unpacked: dict[str, bytes] = {}
    for name, content in files.items():
        unpacked |= _unzipped(name, content, budget) if _suffix(name) == ".zip" else {name: content}
    listed: list[tuple[str, str]] = []
    for name, content in unpacked.items():
        if PurePosixPath(name).name == "metadata.jsonl":
            beside = PurePosixPath(name).parent
            listed += [(str(beside / row), text) for row, text in _rows(content)]
    missing = [PurePosixPath(name).name for name, _ in listed if name not in unpacked]
    if missing:
        raise BadInput(f"metadata.jsonl names files that are missing: {_some(missing)}.", "data")
    if not listed:
        listed = [
            (name, _text_beside(name, unpacked))
            for name in sorted(unpacked)
            if _suffix(name) in SUFFIXES
        ]
    if not listed:
        raise BadInput("There are no pictures to learn from; add at least one.", "data")
    if len(listed) > MAX_PICTURES:
        raise BadInput(
            f"{len(listed)} pictures are too many; choose up to {MAX_PICTURES}.", "pictures"
        )
    seen: dict[bytes, NDArray[np.uint8]] = {}
    for name, _ in listed:
        content = unpacked[name]
        if content not in seen:
            seen[content] = _decoded(content, name, budget)
    return [
        Picture(PurePosixPath(name).name, seen[unpacked[name]], text or caption)
        for name, text in listed
    ]


def _text_beside(name: str, files: Mapping[str, bytes]) -> str:
    content = files.get(str(PurePosixPath(name).with_suffix(".txt")), b"")
    return " ".join(content.decode("utf-8-sig", "replace").split())


def _unzipped(name: str, content: bytes, budget: Budget) -> dict[str, bytes]:
    try:
        with archive_of(content) as archive:
            wanted = [
                item
                for item in archive.infolist()
                if _suffix(item.filename) in (*SUFFIXES, ".txt", ".jsonl")
                and not item.filename.startswith("__MACOSX")
            ]
            budget.take(sum(item.file_size for item in wanted), "data")
            return {item.filename: archive.read(item) for item in wanted}
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        EOFError,
        RuntimeError,
        NotImplementedError,
        zlib.error,
    ):
        raise BadInput(f"{_named(name)} is no zip that can be read.", "data") from None


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _named(name: str) -> str:
    return PurePosixPath(name).name[:80]


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
            f"{MIN_SIDE_PX} px a side.",
            "data",
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


def _rows(listing: bytes) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    try:
        lines = listing.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
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
                '"text": "..."}.',
                "data",
            )
        rows.append((name, text))
    return rows


def _read(file: Path, name: str) -> NDArray[np.uint8]:
    try:
        content = file.read_bytes()
    except OSError:
        raise BadInput(f"The picture {_named(name)} cannot be read.", "data") from None
    return _decoded(content, name, None)


def _decoded(content: bytes, name: str, budget: Budget | None) -> NDArray[np.uint8]:
    try:
        return decode(content, "data", budget)
    except BadInput as error:
        raise BadInput(f"The picture {_named(name)} cannot be read: {error}", "data") from None


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
