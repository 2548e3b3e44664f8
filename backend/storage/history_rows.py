"""What the history finds a picture by: its recipe's words, model, LoRAs, size and time."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from backend.contracts.errors import BadInput, LoomError
from backend.pictures.opening import header_of
from backend.recipes import metadata, png_text, texts
from backend.storage import remarks
from backend.storage.history_table import Row

_ENDS = ("prompt_a", "prompt_b", "prompt_c", "prompt_d")
_WORDS = ("prompt", "negative_prompt", *_ENDS)


def row_of(name: str, path: Path, status: os.stat_result) -> Row:
    """The row of a picture; one that cannot be read has a name and nothing else.

    Args:
        name: `<day>/<name>` of the outputs.
        path: Where it is.
        status: Of that file.
    """
    version = (status.st_mtime_ns, status.st_size)
    try:
        found = _of_png(path) if path.suffix.lower() == ".png" else _of_other(path)
    except (LoomError, OSError, struct.error):
        found = None
    if found is None:
        return Row(name, version)
    record, width, height = found
    settings, model = record.settings, record.model.get("name", "")
    loras = tuple(dict.fromkeys(_acting(settings)))
    said = [*(str(settings.get(key, "")) for key in _WORDS), model, *loras]
    said.append(remarks.read(path).words)
    return Row(
        name,
        version,
        record.mode,
        words_of(settings),
        "\n".join(said).casefold(),
        str(settings.get("seed", "")),
        model,
        loras,
        width,
        height,
        _made_s(name) or status.st_mtime,
    )


def _of_png(path: Path) -> tuple[metadata.ReadRecord, int, int] | None:
    """Its recipe and size; None where the file is cut off."""
    with path.open("rb") as file:
        # Recipes stand before the pixels, and a whole file ends with IEND.
        found = png_text.read_texts(file, texts.KEYS, to_end=False)
        record = metadata.from_texts(texts.with_xmp(found))
        file.seek(16)
        width, height = struct.unpack(">II", file.read(8))
        file.seek(-8, os.SEEK_END)
        return (record, width, height) if file.read(4) == b"IEND" else None


def _of_other(path: Path) -> tuple[metadata.ReadRecord, int, int]:
    """The same of a JPEG or WebP."""
    if path.stat().st_size > metadata.MAX_FILE_BYTES:
        raise BadInput("The file is too large.")
    data = path.read_bytes()
    with header_of(data, texts.FORMATS) as image:
        width, height = image.size
    return metadata.read(data, hidden=False), width, height


def _made_s(name: str) -> float | None:
    """When a picture was made: its name says so, also after it was copied."""
    try:
        return datetime.strptime(name[:17], "%Y-%m-%d/%H%M%S").timestamp()
    except ValueError:
        return None


def words_of(settings: dict[str, Any]) -> str:
    """What a picture was asked to show; of a morph without one prompt for all, its ends."""
    ends = [str(settings.get(name, "")) for name in _ENDS]
    shared = str(settings.get("prompt", ""))
    return shared if shared or "prompt_a" not in settings else " → ".join(filter(None, ends))


def _acting(settings: dict[str, Any]) -> Iterable[str]:
    for use in settings.get("loras", ()):
        if use.get("on", True):
            yield str(use.get("name", ""))
