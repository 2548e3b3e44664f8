"""A model's folder, replaced whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def swapped_in(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to write into; after the block it stands where `folder` was.

    Readers never see half of it. After an error the old folder stays.
    """
    aside, old = (folder.with_name(folder.name + end) for end in (".part", ".old"))
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    yield aside
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
