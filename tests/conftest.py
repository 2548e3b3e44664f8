"""Settings that hold for every test, and the guard that keeps CI honest."""

from __future__ import annotations

import os
import shutil

# Before anything imports torch or gradio: a few threads are as fast as many on models this small,
# workers side by side share the cores (threads that wait for their turn spin: a test of 6 s took
# 88), and no test may reach the network. Workers inherit what the process that starts them has
# set, which does not know yet how many there will be, so they set it anew.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
THREADS = str(max(1, min(4, (os.cpu_count() or 1) // WORKERS)))
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    if WORKERS > 1 or variable not in os.environ:
        os.environ[variable] = THREADS
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from collections.abc import Iterator  # noqa: E402
from typing import Any  # noqa: E402

import hypothesis  # noqa: E402
import pytest  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from ui.gradio_compat.lean_import import import_lean  # noqa: E402

import_lean()  # as the studio does: a worker imports Gradio once, in half the time

# The same examples every time, and no clock: a busy machine must not fail a test.
hypothesis.settings.register_profile("loom", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("loom")

BROWSER_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
GUARDED = ("browser", "parity")  # these may not be left out when CI runs


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Executable of the browser that browser tests drive; missing, the test fails, never skips."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("LOOM_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail("No browser: run `make test`, which installs one, or set LOOM_CHROMIUM.")
    return found


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
    if os.environ.get("LOOM_CI"):
        config.pluginmanager.register(LeftOut(), "left-out")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that drive a browser first: they take the longest, and a worker that began one of them
    last would run on alone. A page that a busy machine was too slow for is tried once more: the
    summary says so ("1 rerun"), and a test that fails twice fails."""
    driven = [item for item in items if item.get_closest_marker("browser")]
    for item in driven:
        item.add_marker(pytest.mark.flaky(reruns=1))
    slow = {item.path for item in driven}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """One browser for a module: while it is open, no other test could run an event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=BROWSER_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def ghost() -> Iterator[Any]:
    """Two GPUs that are not there, see `tests.ghost`: a `tests.ghost.machine.Machine`."""
    from tests.ghost.machine import standing

    with standing() as machine:
        yield machine
