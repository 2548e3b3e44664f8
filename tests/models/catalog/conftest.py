"""A checkpoint that a test may damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """A copy of a checkpoint that may be damaged, in a root of its own (tmp_path)."""
    return Path(shutil.copytree(root / "checkpoints" / "tiny-eps", tmp_path / "checkpoints" / "x"))
