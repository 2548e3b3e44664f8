"""A browser test that failed is tried once more, in a process of its own; any other is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.file_costs import found
from tests.second_try import MOST, note

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
import os, pathlib, pytest
TRIES = pathlib.Path(__file__).with_name("tries")
def once_more(name):
    with TRIES.open("a") as file: file.write(f"{name} {os.getpid()}\\n")
    return TRIES.read_text().count(f"{name} ") > 1
@pytest.fixture
def cleared():
    yield
    assert once_more("cleared")
def test_plain(): assert once_more("plain")
@pytest.mark.browser
def test_good(): assert once_more("good") in (True, False)
@pytest.mark.browser
@pytest.mark.parametrize("what", ["a::b", "c"])
def test_slow(what): assert what == "c" or once_more("slow")
@pytest.mark.browser
def test_closed(cleared): pass
@pytest.mark.browser
def test_never(): assert once_more("never") is None
@pytest.mark.browser
def test_away():
    if once_more("away"): pytest.skip("not here")
    assert False
@pytest.mark.browser
@pytest.mark.parametrize("number", range(6))
def test_all(number): assert once_more(f"all{number}.")
"""


class Told:
    """What a run printed, its exit status, and the tries that it made."""

    def __init__(self, folder: Path, *arguments: str, ci: bool = False) -> None:
        folder.mkdir()
        (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8"))
        (folder / "tests").mkdir()
        (folder / "tests/conftest.py").write_text("from tests.left_out import pytest_configure\n")
        (folder / "tests/test_some.py").write_text(TESTS)
        environment = {key: value for key, value in os.environ.items() if "XDIST" not in key}
        environment |= {
            "LOOM_CI": "1" if ci else "",
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        plugins = ("-p", "pytest_timeout", "-p", "xdist.plugin", "-p", "no:cacheprovider")
        done = subprocess.run(
            [sys.executable, "-m", "tests.second_try", "-q", *plugins, *arguments],
            cwd=folder,
            env=environment,
            timeout=120,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.status, self.said = done.returncode, done.stdout
        tries = folder / "tests/tries"
        self.tries = [line.split() for line in tries.read_text().splitlines()]
        self.again = [line for line in self.said.splitlines() if "second try: tests/" in line]


def test_one_that_passes_then_is_told_and_no_failure(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    told = Told(
        tmp_path / "run",
        *("-n", "2", "--dist", "loadfile", f"--junitxml={report}", "-k", "slow or good or closed"),
        "tests/test_some.py",
    )
    assert told.status == 0, told.said
    assert "2 for a second try" in told.said
    assert "FAILED" not in told.said
    assert "assert ('a::b' == 'c'" in told.said  # what went wrong is shown nevertheless
    assert told.again == [
        "passed at its second try: tests/test_some.py::test_slow[a::b]",
        "passed at its second try: tests/test_some.py::test_closed",
    ]
    assert [name for name, _ in told.tries] == ["good", "slow", "cleared", "slow", "cleared"]
    processes = [process for _, process in told.tries]
    assert len(set(processes[:3])) == len(set(processes[3:])) == 1
    assert processes[0] != processes[4]
    (suite,) = ElementTree.parse(report).iter("testsuite")
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert len(list(suite.iter("flakyFailure"))) == len(list(suite.iter("flakyError"))) == 1
    assert found(report) == {}  # its times can be read


@pytest.mark.parametrize("kind", ["never", "away"])
def test_one_that_does_not_pass_then_fails(tmp_path: Path, kind: str) -> None:
    told = Told(tmp_path / "run", "-k", kind)
    assert told.status == 1
    assert [name for name, _ in told.tries] == [kind, kind]
    assert f"FAILED twice: tests/test_some.py::test_{kind}" in told.said


@pytest.mark.parametrize(
    ("chosen", "tries"),
    [
        (("-k", "plain or slow"), 2),  # one of them drives no browser
        (("-k", "all"), MOST + 1),  # too many
        (("-x", "-k", "slow"), 1),  # whoever asks for the first failure alone
    ],
)
def test_others_fail_at_once(tmp_path: Path, chosen: tuple[str, ...], tries: int) -> None:
    told = Told(tmp_path / "run", *chosen)
    assert told.status == 1
    assert len(told.tries) == tries
    assert "FAILED tests/test_some.py::" in told.said


def test_what_ci_does_not_allow_is_hidden_by_no_second_try(tmp_path: Path) -> None:
    told = Told(tmp_path / "run", "-k", "slow", ci=True)
    assert told.status == 1
    assert len(told.tries) == 1
    assert "left out, which CI does not allow" in told.said


def test_a_report_keeps_what_failed_twice(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite failures="2" errors="0">'
        '<testcase classname="tests.test_a.TestB" name="one"><failure/></testcase>'
        '<testcase classname="tests.test_a" name="one"><failure/></testcase>'
        "</testsuite></testsuites>"
    )
    note(report, {"tests/test_a.py::TestB::one"})
    (suite,) = ElementTree.parse(report).iter("testsuite")
    assert suite.get("failures") == "1"
    assert [child.tag for case in suite for child in case] == ["flakyFailure", "failure"]
