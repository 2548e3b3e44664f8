"""A model under another name, found by the hash that a record holds.

The field's hashes: AutoV1, 8 digits, the SHA-256 of 64 KB from the second MB on; AutoV2, the first
10 of the SHA-256 of the file; the first 12 (AutoV3), or all 64, of the SHA-256 of what stands
behind a safetensors header, which A1111 notes of LoRAs and SwarmUI of all. Of a folder in several
files, the SHA-256 of all of them in order. Files are read once each.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.safetensors_header import MAX_HEADER_BYTES, read_metadata

MAX_READ_BYTES = 8 * 2**30
"""Of files that no earlier search has read; the next one goes on behind them."""
_V1_START, _V1_BYTES, _V1_DIGITS = 0x100000, 0x10000, 8
_HASH = re.compile(r"[0-9a-f]{8}|[0-9a-f]{10,64}")
# Where trainers note the hash of the tensors themselves.
_NOTED = ("sshs_model_hash", "modelspec.hash_sha256", "sshs_legacy_hash")


Stamps = tuple[tuple[str, int, int], ...]  # path, size and time of each file


class Hashes:
    """Hashes of files, each read once until its size or time changes."""

    def __init__(self, most_bytes: int = MAX_READ_BYTES) -> None:
        """`most_bytes`: What one search may read of files that were not read before."""
        self._most_bytes = most_bytes
        self._known: dict[Stamps, tuple[str, str]] = {}

    def find(self, infos: Iterable[ModelInfo], wanted: str) -> ModelInfo | None:
        """The entry whose weights have that hash; None where none is found.

        Args:
            infos: Of one kind; those with a problem are passed over.
            wanted: Hex digits, in any case, perhaps with "0x" in front.
        """
        digits = wanted.strip().lower().removeprefix("0x")
        if not _HASH.fullmatch(digits):
            return None
        usable = [info for info in infos if info.problem is None and info.weights]
        by_size = sorted(usable, key=lambda info: info.bytes)
        for info in by_size:
            if len(info.weights) == 1 and _cheap(info.weights[0], digits):
                return info
        if len(digits) == _V1_DIGITS:
            return None
        left_bytes = self._most_bytes
        for info in by_size:
            try:
                stats = [(path, path.stat()) for path in info.weights]
            except OSError:
                continue
            key = tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
            if key not in self._known:
                size = sum(stat.st_size for _, stat in stats)
                if size > left_bytes:
                    continue
                left_bytes -= size
                self._known[key] = _whole(info.weights)
            if any(found.startswith(digits) for found in self._known[key]):
                return info
        return None


def auto_v1(path: Path) -> str:
    """The short hash of A1111's first versions; "" of a file that cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(_V1_START)
            return hashlib.sha256(file.read(_V1_BYTES)).hexdigest()[:_V1_DIGITS]
    except OSError:
        return ""


def _cheap(path: Path, digits: str) -> bool:
    """By what a few KB of the file tell."""
    noted = (read_metadata(path).get(key, "").lower().removeprefix("0x") for key in _NOTED)
    if any(note.startswith(digits) for note in noted if len(note) >= len(digits)):
        return True
    return len(digits) == _V1_DIGITS and auto_v1(path) == digits


def _whole(paths: Iterable[Path]) -> tuple[str, str]:
    """SHA-256 of files in order, as our records have it of a folder's, and of what stands behind
    their headers; empty where one went away."""
    whole, data = hashlib.sha256(), hashlib.sha256()
    try:
        for path in paths:
            with path.open("rb") as file:
                prefix = file.read(8)
                header = file.read(min(int.from_bytes(prefix, "little"), MAX_HEADER_BYTES))
                whole.update(prefix + header)
                while block := file.read(1 << 20):
                    whole.update(block)
                    data.update(block)
    except OSError:
        return "", ""
    return whole.hexdigest(), data.hexdigest()
