"""Locks hold between processes, and end with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.storage.locks import InUse, hold, locked
from tests.ui.conftest import ROOT

_HOLDS = """
import sys, time
from pathlib import Path
from backend.storage.locks import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""
_COUNTS = """
import sys
from pathlib import Path
from backend.storage.locks import locked
folder = Path(sys.argv[1])
for _ in range(100):
    with locked(folder):
        number = int((folder / "n").read_text())
        (folder / "n").write_text(str(number + 1))
"""


def test_a_data_folder_has_one_studio_until_it_ends_however(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InUse, match="Another studio uses the data folder"):
            hold(tmp_path)
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
        other.stdout.close()
    os.close(hold(tmp_path))
    os.close(hold(tmp_path))


def test_a_data_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InUse, match="cannot be written to"):
        hold(tmp_path / "file")


def test_processes_and_threads_change_a_folder_one_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("0")
    command = [sys.executable, "-c", _COUNTS, str(tmp_path)]
    others = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]

    def count(_: int) -> None:
        for _ in range(50):
            with locked(tmp_path):
                number = int((tmp_path / "n").read_text())
                (tmp_path / "n").write_text(str(number + 1))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(count, range(2)))
    assert [other.wait() for other in others] == [0, 0]
    assert int((tmp_path / "n").read_text()) == 300


def test_a_folder_that_cannot_be_locked_is_no_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = threading.Event()
    with locked(tmp_path / "file" / "folder"):
        done.set()
    assert done.is_set()
