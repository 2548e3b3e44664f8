"""The limit of open files is raised, and connections leave room under it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.ui.conftest import ROOT

_LOW = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))
from ui.server.file_limit import raise_file_limit
print(raise_file_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("hard", [256, 4096])
def test_it_is_raised_as_far_as_it_may_be(hard: int) -> None:
    code = _LOW.format(hard=hard)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(hard)] * 2
