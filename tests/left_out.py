"""The guard that keeps CI honest: a browser or parity test that did not run fails the session."""

from __future__ import annotations

import os
from typing import Any

import pytest

GUARDED = ("browser", "parity")  # these may not be left out when CI runs


class LeftOut:
    """Collects guarded tests that did not run, and fails the session for them."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        for item in items:
            kinds = {mark.name for mark in item.iter_markers()}
            # Only the full matrix is both slow and guarded; it has its own target.
            if kinds & set(GUARDED) and not kinds & {"slow", "gpu"}:
                self.names.append(f"{item.nodeid} (deselected)")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and any(kind in report.keywords for kind in GUARDED):
            self.names.append(f"{report.nodeid} (skipped)")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended: what it left out, which only it has seen."""
        self.names.extend(
            set(getattr(node, "workeroutput", {}).get("left_out", ())) - set(self.names)
        )

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = self.names
        if self.names and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.names:
            terminalreporter.section("left out, which CI does not allow", red=True)
            for name in self.names:
                terminalreporter.line(name)


def pytest_configure(config: pytest.Config) -> None:
    """A hook of `tests/conftest.py`."""
    if os.environ.get("LOOM_CI"):
        config.pluginmanager.register(LeftOut(), "left-out")
