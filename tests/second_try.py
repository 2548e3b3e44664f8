"""Runs pytest; the few browser tests that failed are tried once more when all else has ended.

`python -m tests.second_try ARGUMENTS OF PYTEST`. A page that a busy machine was too slow for gets a
fair chance: alone, in a new process with a studio and a browser of its own, with nothing there that
its first try has left. What fails twice fails, and so does at once: a test without a browser, a
file that cannot be collected, a guarded test that was left out, or more than `MOST` failures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

MOST = 5
"""Failed tests; if there are more, something is wrong that no second try should hide."""
ALONE = "--alone"
_TITLE = "a second try of browser tests, alone"
_FURTHER = "for a second try"


class FirstTry:
    """Plugin of the first run.

    Attributes:
        again: Failed browser tests that are to be tried again, by node id; known in the end.
        root: Of the node ids.
        report: Path of the report that was asked for, or None.
    """

    def __init__(self) -> None:
        self.again: list[str] = []
        self.root = Path()
        self.report: Path | None = None
        self._failed: dict[str, bool] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        self.root = config.rootpath
        self.report = Path(config.option.xmlpath).absolute() if config.option.xmlpath else None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._failed[report.nodeid] = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            before = self._failed.get(report.nodeid, True)
            self._failed[report.nodeid] = before and "browser" in report.keywords

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self,
        terminalreporter: pytest.TerminalReporter,
        exitstatus: pytest.ExitCode,
        config: pytest.Config,
    ) -> Generator[None]:
        """Before anything is told: what gets a second try is no failure yet."""
        guard = config.pluginmanager.get_plugin("left-out")
        if (
            exitstatus == pytest.ExitCode.TESTS_FAILED
            and 0 < len(self._failed) <= MOST
            and all(self._failed.values())
            and not getattr(guard, "names", ())
            and not config.option.maxfail
            and not config.option.usepdb
        ):
            self.again = list(self._failed)
            self._tell(terminalreporter)
        return (yield)

    def _tell(self, terminal: pytest.TerminalReporter) -> None:
        terminal.section(_FURTHER, yellow=True)
        for kind in ("failed", "error"):
            for report in terminal.stats.pop(kind, []):
                terminal.stats.setdefault(_FURTHER, []).append(report)
                terminal.section(f"{report.nodeid} ({report.when})", sep="_")
                terminal.line(report.longreprtext)
                for name, text in report.sections:
                    terminal.section(name, sep="-")
                    terminal.line(text)


class SecondTry:
    """Plugin of the second run: collects the tests that `again` names and no others.

    Args:
        again: Absolute node ids.
    """

    def __init__(self, again: Sequence[str]) -> None:
        self._again = list(again)
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.args = self._again
        config.option.xmlpath = None  # the report is the first run's

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.passed and report.when == "call":
            self.passed.add(report.nodeid)


def run(arguments: Sequence[str]) -> int:
    """Runs pytest, and what is to be tried again in a process of its own.

    Returns:
        The exit status: 0 if every test has passed, at its first or its second try.
    """
    first = FirstTry()
    status = int(pytest.main(list(arguments), plugins=[first]))
    if not first.again:
        return status
    print(f"\n{_TITLE}:", *first.again, sep="\n  ", flush=True)
    passed = _second(first, arguments)
    if first.report is not None and first.report.exists():
        note(first.report, passed)
    for name in first.again:
        print(f"{'passed at its second try' if name in passed else 'FAILED twice'}: {name}")
    return 0 if passed == set(first.again) else status


def _second(first: FirstTry, arguments: Sequence[str]) -> set[str]:
    """Which of the tests have passed in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        told.write_text(json.dumps([str(first.root / name) for name in first.again]), "utf-8")
        command = [sys.executable, "-m", "tests.second_try", ALONE, str(told), *arguments]
        done = subprocess.run([*command, "-n", "0"], check=False).returncode
        passed = set(json.loads(told.read_text("utf-8")))
    return passed & set(first.again) if done in (0, 1) else set()


def alone(told: Path, arguments: Sequence[str]) -> int:
    """The second run: tries the tests that a file names, which is told those that have passed."""
    second = SecondTry(json.loads(told.read_text("utf-8")))
    told.write_text("[]", "utf-8")
    status = int(pytest.main(list(arguments), plugins=[second]))
    told.write_text(json.dumps(sorted(second.passed - second.failed)), "utf-8")
    return status


def note(report: Path, passed: set[str]) -> None:
    """Says in a report of the first run what has passed at its second try.

    Its failure becomes a `flakyFailure`, an error a `flakyError`, as readers of reports know them.

    Args:
        report: A file of pytest's `--junitxml`, written anew.
        passed: Node ids.
    """
    tree = ElementTree.parse(report)
    names = {_addressed(name) for name in passed}
    for suite in tree.iter("testsuite"):
        for case in suite.iter("testcase"):
            if (case.get("classname"), case.get("name")) not in names:
                continue
            for kind, flaky in (("failure", "flakyFailure"), ("error", "flakyError")):
                for found in case.findall(kind):
                    found.tag = flaky
                    suite.set(f"{kind}s", str(int(suite.get(f"{kind}s", "1")) - 1))
    tree.write(report, encoding="utf-8", xml_declaration=True)


def _addressed(name: str) -> tuple[str, str]:
    """`tests/a/test_b.py::TestC::test_d[e]` is `test_d[e]` of class `tests.a.test_b.TestC`."""
    path, bracket, values = name.partition("[")
    file, *classes, test = path.split("::")
    return ".".join([file.removesuffix(".py").replace("/", "."), *classes]), test + bracket + values


if __name__ == "__main__":
    if sys.argv[1:2] == [ALONE]:
        sys.exit(alone(Path(sys.argv[2]), sys.argv[3:]))
    sys.exit(run(sys.argv[1:]))
