"""A training stands still while somebody measures."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from toyworld.pause import FOLDER_VARIABLE, hold, main, paused, training_folder, wait_while_paused


def test_a_file_made_by_hand_holds(tmp_path):
    assert not paused(tmp_path)
    (tmp_path / "PAUSE").touch()
    assert paused(tmp_path)


def test_a_run_holds_until_it_ends(tmp_path):
    with hold(tmp_path):
        assert paused(tmp_path)
        assert (tmp_path / f"PAUSE.{os.getpid()}").exists()
    assert not paused(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_of_a_dead_process_holds_nothing(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f"PAUSE.{ended.pid}").touch()
    (tmp_path / "PAUSE.notes").touch()
    assert not paused(tmp_path)


def test_nothing_is_made_where_no_training_is(tmp_path):
    with hold(tmp_path / "none"):
        pass
    assert not (tmp_path / "none").exists()


def test_the_folder_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert training_folder() == tmp_path
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert training_folder() == Path("runs/pocket")


def test_a_training_waits_and_goes_on(tmp_path):
    (tmp_path / "PAUSE").touch()
    began = time.monotonic()
    threading.Timer(0.2, (tmp_path / "PAUSE").unlink).start()
    wait_while_paused(tmp_path, look_every_s=0.01)
    assert time.monotonic() - began > 0.15


def test_a_command_runs_while_the_training_is_held(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    look = "import os, sys; sys.exit(len(os.listdir(os.environ['LOOM_TRAINING'])) + 6)"
    assert main([sys.executable, "-c", look]) == 7
    assert not list(tmp_path.iterdir())
    assert main([]) == 2
    assert "Say what to run" in capsys.readouterr().err
