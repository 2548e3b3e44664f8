"""Which studio this is: its version, and its code's digest, since code changes between versions."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

VERSION = "0.1"
DIGITS = 8


@cache
def studio_version() -> str:
    """E.g. "0.1+3fa9c1e2": the same string means the same code in `backend`, byte for byte."""
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return f"{VERSION}+{digest.hexdigest()[:DIGITS]}"
