"""The program that makes a share link is run only where its bytes are the known ones.

Gradio (6.31) compares the sum of what it downloads at that moment alone: a helper that lies in its
cache is run as it is, and one whose sum was wrong stays there for the next start. No issue upstream
was found for it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNKNOWN = "There is no known helper for share links on this kind of machine."


def run_known_helpers_only() -> None:
    """From here on, a helper with other bytes is removed and fetched anew, and never run."""
    from gradio import tunneling  # not before its environment is prepared

    download: Any = tunneling.Tunnel.download_binary
    if hasattr(download, "known_only"):
        return
    sum_of: dict[str, str] = tunneling.CHECKSUMS
    checked = checking(download, Path(tunneling.BINARY_PATH), sum_of.get(tunneling.BINARY_URL))
    tunneling.Tunnel.download_binary = staticmethod(checked)


def checking(download: Callable[[], object], path: Path, known: str | None) -> Callable[[], None]:
    """A download that leaves nothing but the known helper.

    Args:
        download: Gradio's: does nothing where there is a file.
        path: Where the helper lies.
        known: Its SHA-256; None where nobody knows it.
    """

    @functools.wraps(download)
    def checked() -> None:
        if known is None:
            raise OSError(UNKNOWN)
        _remove_another(path, known)
        try:
            download()
        finally:
            _remove_another(path, known)

    checked.known_only = True  # type: ignore[attr-defined]
    return checked


def _remove_another(path: Path, known: str) -> None:
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() != known:
        path.unlink()
