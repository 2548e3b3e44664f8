"""Hashes of weights, as records name them."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from backend.models.catalog.entry import ModelInfo

HASHED_PARTS = ("vae", "text_encoder", "text_encoder_2")


def content_hash(info: ModelInfo) -> str:
    """First 10 hex digits of the SHA-256 of the weights, as A1111 prints it.

    Of a single file, or of the UNet's file (its shards in order). Computed when first asked for
    and remembered until a file's size or time changes.
    """
    stats = [(path, path.stat()) for path in info.weights]
    key = tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
    return _sha256(key)[:10]


def part_hashes(info: ModelInfo) -> dict[str, str]:
    """First 10 hex digits of the SHA-256 of the weights beside the UNet's, by part.

    Empty for a single file, which `content_hash` covers whole. Remembered as that is.
    """
    if not info.path.is_dir():
        return {}
    found: dict[str, str] = {}
    for part in HASHED_PARTS:
        stats = [(path, path.stat()) for path in sorted((info.path / part).glob("*.safetensors"))]
        if stats:
            key = tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
            found[part] = _sha256(key)[:10]
    return found


@lru_cache(maxsize=1024)
def _sha256(files: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in files:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
