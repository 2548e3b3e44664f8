"""Locks between processes, which end with the process that holds them, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_IN_USE = ".in-use"


class InUse(Exception):
    """Another studio works in this data folder."""


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Nobody else who asks so changes a file, or a folder, while the context lasts.

    Where no lock can be written there is none: whoever writes there is told by the write.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock")
        handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        yield
        return
    try:
        _take(handle, wait=True)
        yield
    finally:
        os.close(handle)


def hold(data: Path) -> int:
    """Takes a data folder for this process, for as long as it lives.

    Returns:
        The open file that holds it; closing it gives the folder back.

    Raises:
        InUse: Another process has it.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        handle = os.open(data / _IN_USE, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise InUse(f"The data folder {data} cannot be written to ({error.strerror}).") from None
    try:
        _take(handle, wait=False)
    except OSError:
        os.close(handle)
        raise InUse(
            f"Another studio uses the data folder {data}; stop it, or choose another with --data."
        ) from None
    return handle


def _take(handle: int, *, wait: bool) -> None:
    """Locks an open file; closing it unlocks."""
    if sys.platform == "win32":
        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
