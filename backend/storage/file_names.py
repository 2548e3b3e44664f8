"""The name of a result's file, from the pattern that its record holds.

Whatever a prompt, a model's name or a pattern says, what comes out is one plain name: no folder, no
hidden file, nothing that a system keeps for itself, and short enough for every disk.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime

from backend.contracts.events import Record
from backend.contracts.file_names import WORD

MAX_STEM_BYTES = 180  # a name may have 255, with a number, a suffix and ".writing-..." beside it
MAX_PROMPT_CHARS = 80
INDEX = "[index]"
_PLAIN = frozenset("-_.,+=()@#~'! ")
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_KEPT_BY_WINDOWS = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)


def stem(record: Record, now: datetime, index: int) -> str:
    """A file's name without its suffix.

    Args:
        record: Of the picture; its `save_name` is the pattern, "" the usual one.
        now: When it is saved.
        index: Counts the files that have the same name else, from 0.
    """
    settings = record.settings
    seed = int(settings.get("seed", 0))
    pattern = str(settings.get("save_name") or "")
    if not pattern:
        return f"{_time(now)}_{seed:010d}_{index:02d}"
    values = {
        "date": f"{now:%Y-%m-%d}",
        "time": _time(now),
        "seed": str(seed),
        "model": record.model.get("name", ""),
        "prompt": str(settings.get("prompt", ""))[:MAX_PROMPT_CHARS],
        "mode": record.mode,
        "source": str(settings.get("source_name", "")).rpartition(".")[0],
        "guidance": settings.get("guidance_scale", ""),
        "index": f"{index:02d}",
    }
    named = INDEX in pattern.lower()
    told = WORD.sub(
        lambda found: str(values.get(key := found[1].lower(), settings.get(key, ""))), pattern
    )
    number = "" if named or not index else f"_{index:02d}"
    plain = _short(_plain(told), MAX_STEM_BYTES)
    if named and index and f"{index:02d}" not in plain:
        number = f"_{index:02d}"  # a long prompt has cut it off
    return (plain or f"{_time(now)}_{seed:010d}") + number


def _time(now: datetime) -> str:
    return f"{now:%H%M%S}-{now.microsecond // 1000:03d}"


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    kept = "".join(
        char if char in _PLAIN or unicodedata.category(char)[0] in "LMN" else "_" for char in text
    )
    kept = " ".join(kept.split()).strip(" .")
    return f"_{kept}" if kept.split(".")[0].strip().lower() in _KEPT_BY_WINDOWS else kept


def _short(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore").rstrip(" .")
