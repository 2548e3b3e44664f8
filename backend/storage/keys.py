"""Random bytes that a studio keeps for itself, for its signatures to hold after a restart."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

KEY_BYTES = 32


def secret_key(path: Path) -> bytes:
    """The key in a file of its owner alone; made where there is none, or only half of one.

    A folder that cannot be written to gives a key for this process: nothing outlasts it then.
    """
    for _ in range(2):
        kept: bytes | None = None
        with suppress(OSError):
            kept = path.read_bytes()
        if kept is not None and len(kept) == KEY_BYTES:
            return kept
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if kept is not None:  # a killed studio has left half of it, or an empty file
                path.unlink(missing_ok=True)
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:  # another process was faster
            continue
        except OSError:
            break
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
    return secrets.token_bytes(KEY_BYTES)
