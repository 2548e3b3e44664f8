"""Pictures of jobs in files, written and synced before whatever names them, for their owner alone.

Read back they are maps of the file: they take no memory until they are looked at.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import numpy as np

from backend.contracts.events import Pixels
from backend.storage.atomic_files import BEGINS, make_synced, sync_folder


def write_synced(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Writes a file (0600), whole or not at all, and syncs it and its folder.

    Raises:
        OSError: The disk is full, or the folder may not be written to.
    """
    make_synced(path.parent, 0o700)
    handle, name = tempfile.mkstemp(prefix=BEGINS, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_array(path: Path, pixels: Pixels) -> None:
    """Writes one picture; raises as `write_synced` does."""
    write_synced(path, lambda file: np.save(file, np.ascontiguousarray(pixels), allow_pickle=False))


def read_array(path: Path) -> Pixels:
    """One picture, mapped; what is changed in it changes no file.

    Raises:
        OSError: It is not there, or damaged.
    """
    try:
        return np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise OSError(f"{path.name} is damaged") from error


class Inputs:
    """Pictures that jobs were given, by their content: one file for all that use it.

    Args:
        folder: With a folder for each owner within.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._uses: Counter[Path] = Counter()
        self._lock = threading.Lock()

    def put(self, owner: str, pixels: Pixels) -> str:
        """Keeps a picture for one more job, and returns its name; raises as `write_synced`."""
        content = np.ascontiguousarray(pixels)
        said = f"{content.shape} {content.dtype}".encode()
        name = hashlib.blake2b(said + content.tobytes(), digest_size=20).hexdigest()
        path = self._path(owner, name)
        with self._lock:
            self._uses[path] += 1
        try:
            if not path.exists():
                write_array(path, content)
        except OSError:
            self.release(owner, (name,))
            raise
        return name

    def get(self, owner: str, name: str) -> Pixels:
        """One of them, mapped. Raises OSError where it is gone."""
        return read_array(self._path(owner, name))

    def used(self, owner: str, names: Iterable[str]) -> None:
        """A job that was kept uses these."""
        with self._lock:
            self._uses.update(self._path(owner, name) for name in names)

    def release(self, owner: str, names: Iterable[str]) -> None:
        """A job needs these no more; what no other needs is removed."""
        with self._lock:
            for path in (self._path(owner, name) for name in names):
                self._uses[path] -= 1
                if self._uses[path] <= 0:
                    del self._uses[path]
                    path.unlink(missing_ok=True)

    def clear(self) -> int:
        """Removes what no job uses: left by a studio that was killed. Says how many there were."""
        gone = 0
        with self._lock:
            for path in self._folder.glob("*/*"):
                if path not in self._uses:
                    path.unlink(missing_ok=True)
                    gone += 1
        return gone

    def _path(self, owner: str, name: str) -> Path:
        whose = hashlib.blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        return self._folder / whose / f"{Path(name).name}.npy"


def remove_folder(folder: Path) -> None:
    """Removes a folder with what lies in it."""
    shutil.rmtree(folder, ignore_errors=True)
