"""Temporary files do not stay: not of a studio that ended, was killed, or runs for long."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from ui.server.temp_files import (
    KEEP_S,
    NEW_S,
    PREFIX,
    clear_leftovers,
    new_folder,
    process_folder,
    remove,
    sweep,
)

CODE = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from ui.server.temp_files import process_folder
print(process_folder(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def aged(folder: Path, age_s: float, nbytes: int = 1) -> Path:
    """A folder with a file, last written to so long ago."""
    folder.mkdir(exist_ok=True)
    (folder / "a.png").write_bytes(bytes(nbytes))
    then = time.time() - age_s
    os.utime(folder, (then, then))
    return folder


def test_the_folder_of_a_killed_studio_goes_at_the_next_start(root: Path) -> None:
    command = [sys.executable, "-c", CODE, str(root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as studio:
        assert studio.stdout is not None
        folder = Path(studio.stdout.readline().strip())
        (folder / "upload.png").write_bytes(b"1")
        assert clear_leftovers(root) == 0  # it lives
        studio.kill()
        studio.wait(30)
    assert folder.is_dir()
    own = process_folder()
    assert not folder.exists()
    assert own.stat().st_mode & 0o777 == 0o700
    remove(own)
    assert list(root.iterdir()) == []


def test_only_folders_of_studios_that_ended_go(root: Path) -> None:
    strange = aged(root / "somebody-elses", KEEP_S)
    young = aged(root / f"{PREFIX}young", KEEP_S - 60.0)
    old = aged(root / f"{PREFIX}old", KEEP_S + 1.0)
    target = aged(root / "target", KEEP_S + 1.0)
    (root / f"{PREFIX}link").symlink_to(target)
    assert clear_leftovers(root) == 1
    assert not old.exists()
    assert strange.exists()
    assert young.exists()
    assert (target / "a.png").exists()


def test_what_was_handed_out_long_ago_goes_with_the_next(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(root))
    old, recent = new_folder(), new_folder()
    aged(old, KEEP_S + 1.0)
    aged(recent, KEEP_S - 60.0)
    third = new_folder()
    assert not old.exists()
    assert recent.exists()
    assert third.parent == recent.parent
    assert list(third.iterdir()) == []


def test_of_too_much_the_oldest_goes_but_nothing_that_is_new(tmp_path: Path) -> None:
    ages = {"first": 3 * NEW_S, "second": 2 * NEW_S, "third": 0.0, "fourth": 0.0}
    for name, age_s in ages.items():
        aged(tmp_path / name, age_s, nbytes=100)
    assert sweep(tmp_path, time.time(), keep_bytes=300) == 1
    assert not (tmp_path / "first").exists()
    assert sweep(tmp_path, time.time(), keep_bytes=50) == 1
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["fourth", "third"]
