"""Whatever is written, a kill before any step of it leaves the old or the new, whole."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.hostile.writes import WRITERS
from tests.ui.conftest import ROOT

if sys.platform != "linux":
    pytest.skip("needs fork", allow_module_level=True)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int | str]:
    """What became of each writer, killed before each of its steps."""
    folder = tmp_path_factory.mktemp("writes")
    command = [sys.executable, "-m", "tests.hostile.writes", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", WRITERS)
def test_a_kill_before_any_step_leaves_the_old_or_the_new(
    name: str, told: dict[str, int | str]
) -> None:
    """Of presets, styles, pictures, accounts, logins, notes, keys, the log, backups, the queue."""
    steps = told[name]
    assert isinstance(steps, int), steps
    assert steps >= 1
