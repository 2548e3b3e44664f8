"""CI fails when a browser or parity test was left out; a plain run does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
import pytest

def test_plain(): pass

@pytest.mark.browser
def test_page(): pass

@pytest.mark.parity
@pytest.mark.slow
def test_full_matrix(): pass

@pytest.mark.parity
@pytest.mark.skipif({skip}, reason="no reason")
def test_quick_matrix(): pass
"""


ALONE = "from tests.left_out import pytest_configure as pytest_configure"


def run(
    folder: Path, *arguments: str, skip: bool = False, ci: bool = True, whole: bool = False
) -> int:
    """A run of few tests under the guard alone, which starts at once, or under our `whole`
    conftest, which imports what most tests need."""
    (folder / "tests").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    if whole:
        shutil.copy(ROOT / "tests/conftest.py", folder / "tests")
    else:
        (folder / "tests/conftest.py").write_text(ALONE)
    (folder / "tests/test_some.py").write_text(TESTS.format(skip=skip))
    environment = {key: value for key, value in os.environ.items() if "XDIST" not in key}
    environment["LOOM_CI"] = "1" if ci else ""
    environment["PYTHONPATH"] = str(ROOT)  # where `tests.left_out` is
    if not whole:  # what the guard works with alone: each further plugin is imported by each run
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        arguments = ("-p", "pytest_timeout", "-p", "xdist.plugin", *arguments)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, timeout=120, check=False, capture_output=True
    ).returncode


def test_all_run(tmp_path: Path) -> None:
    assert run(tmp_path / "alone") == 0
    assert run(tmp_path / "whole", whole=True) == 0


def test_a_skip_fails_ci(tmp_path: Path) -> None:
    assert run(tmp_path / "alone", skip=True) == 1
    assert run(tmp_path / "whole", skip=True, whole=True) == 1


def test_a_deselection_fails_ci_and_nothing_else(tmp_path: Path) -> None:
    assert run(tmp_path / "ci", "-k", "plain") == 1
    assert run(tmp_path / "plain", "-k", "plain", ci=False) == 0


def test_workers_tell_what_they_left_out(tmp_path: Path) -> None:
    side_by_side = ("-n", "2", "--dist", "loadfile")
    assert run(tmp_path / "all", *side_by_side) == 0
    assert run(tmp_path / "less", *side_by_side, "-k", "plain") == 1
    assert run(tmp_path / "skip", *side_by_side, skip=True) == 1
