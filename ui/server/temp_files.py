"""Files on their way to a client or into a form: in a folder of this process, gone in time."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows: what a killed studio left stays there
    fcntl = None

KEEP_S = 24 * 3600.0  # a page that was left open over night still has its files
KEEP_BYTES = 2 * 2**30
NEW_S = 600.0  # so young it may still be on its way, however many there are
PREFIX = "latent-loom-"
_MARK = "in-use"
_MADE = "made"


def process_folder() -> Path:
    """Makes this process's folder (0700), and clears away those of studios that were killed."""
    root = Path(tempfile.gettempdir())
    clear_leftovers(root)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    if fcntl is not None:
        # Held, and so open, for as long as the process lives, however it ends.
        fcntl.flock(os.open(folder / _MARK, os.O_CREAT | os.O_RDWR, 0o600), fcntl.LOCK_EX)
    return folder


def clear_leftovers(root: Path) -> int:
    """Removes the folders of processes of ours that have ended, and says how many."""
    if fcntl is None:
        return 0
    gone = 0
    for folder in root.glob(f"{PREFIX}*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    return gone


def _is_left(folder: Path) -> bool:
    assert fcntl is not None
    try:
        found = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return False
    try:
        mark = os.open(folder / _MARK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return time.time() - found.st_mtime > KEEP_S  # not marked yet, or of an older studio
    except OSError:
        return False
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # its process lives
    finally:
        os.close(mark)
    return True


def remove(folder: Path) -> None:
    """Removes this process's folder at its end."""
    shutil.rmtree(folder, ignore_errors=True)


def new_folder() -> Path:
    """An empty folder within Gradio's, from where clients may fetch; others go that are old."""
    from gradio.utils import get_upload_folder  # not before its environment is prepared

    root = Path(get_upload_folder()) / _MADE
    root.mkdir(parents=True, exist_ok=True)
    sweep(root, time.time())
    return Path(tempfile.mkdtemp(dir=root))


def sweep(root: Path, now: float, keep_bytes: int = KEEP_BYTES) -> int:
    """Removes what is too old, and the oldest of what is too much; says how many folders went."""
    found = sorted(
        (written, folder, size) for folder in root.iterdir() for written, size in _seen(folder)
    )
    held, gone = sum(size for _, _, size in found), 0
    for written, folder, size in found:
        age_s = now - written
        if age_s > KEEP_S or (held > keep_bytes and age_s > NEW_S):
            shutil.rmtree(folder, ignore_errors=True)
            held -= size
            gone += 1
    return gone


def _seen(folder: Path) -> list[tuple[float, int]]:
    """When a folder was last written to, and its bytes; nothing where another thread removed it."""
    try:
        return [(folder.stat().st_mtime, sum(file.stat().st_size for file in folder.iterdir()))]
    except OSError:
        return []
